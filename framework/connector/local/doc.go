// Package local is for authors of connectors that need no broker: the parts that a broker would bring.
//
// A [Group] shares the tasks of one application among its workers in this process and keeps what they commit. A [Log] is
// one partition of a topic in memory. A [Broker] is a whole connector made of both: it is what in-memory topics are, and
// shows how the parts go together. A connector whose sources are something else (files, a socket) uses the Group for its
// workers and Logs for the application's internal topics.
//
// Nothing here starts a goroutine.
package local
