// Package examples holds the twins of the examples in "Streaming Python Prototype", the post that introduced the library streams,
// later streamz, and that Millrace grew out of: chains, branches, several inputs, back pressure by receipt, windows of the wall
// clock, feedback, operators of one's own, several workers, batches, times, Kafka. They are in the test files, one a theme.
// Each comment says of which section an example is the twin.
//
// [github.com/millrace/millrace/examples/everywhere] has the same graphs as functions of their topics. A test runs each in
// memory, on files, on the embedded broker and on Kafka.
package examples
