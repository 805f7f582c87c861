// Package simulation is the proof that results do not depend on luck: its tests run graphs with windows on the engine, under
// random schedules of tasks, rounds, commits, moves, crashes and aborts, and compare what comes out with what a batch
// computation says that shares no code with the framework.
package simulation
