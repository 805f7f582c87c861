//go:build race

package driver_test

// simDefault is lower here: under the race detector a seed takes ten times as long.
const simDefault = 60

// plantsRace: bugs that are data races themselves are left to the detector, which fails the test that plants them.
const plantsRace = true
