// Package millrace has no code: see framework for streams, connectors/kafka for topics, apps for programs that show both.
package millrace
