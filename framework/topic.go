package framework

import (
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// None is the key of a stream whose records have none.
type None = codec.NoKey

// Topic is a topic with the types of its keys and values: what the graph, tests and other services share. It is a
// value: its methods return a copy with the option set, and leave the one they are called on as it is.
// Connectors' packages make topics, for example kafka.Topic.
type Topic[K comparable, V any] struct {
	_       [0]func(K, V)
	name    string
	keys    codec.Codec[K]
	values  codec.Codec[V]
	factory connector.Factory
	spec    connector.TopicSpec
	source  sourceOptions
	at      func(V) time.Time                  // its event time, where source.extracts
	place   func(k K, v V, partitions int) int // nil: by the key's bytes
	loop    *loopUse                           // it is the end of a loop
	input   *inputUse                          // it is an in-memory input
}

// sourceOptions say how a topic is read.
type sourceOptions struct {
	start     connector.Start
	badRecord Policy
	badTime   Policy
	gap       Policy
	extracts  bool          // event times come from the values
	disorder  time.Duration // allowed
	ahead     time.Duration // where bounded: how far an event time may be ahead of the record's timestamp
	bounded   bool
	idle      time.Duration // after which an empty partition is left out of the watermark; 0: never
}

// NewTopic returns a topic of a connector; connectors' packages call it. spec.Partitions > 0 lets the application
// create the topic where it does not exist.
func NewTopic[K comparable, V any](from connector.Factory, spec connector.TopicSpec, keys codec.Codec[K], values codec.Codec[V]) Topic[K, V] {
	return Topic[K, V]{name: spec.Name, keys: keys, values: values, factory: from, spec: spec}
}

// Name returns the topic's name.
func (t Topic[K, V]) Name() string { return t.name }

// KeyCodec returns the codec of the keys.
func (t Topic[K, V]) KeyCodec() codec.Codec[K] { return t.keys }

// ValueCodec returns the codec of the values.
func (t Topic[K, V]) ValueCodec() codec.Codec[V] { return t.values }

// OnBadRecord says what happens to a record that cannot be decoded: Fail (the default) stops the application with an
// error that names the record, Skip counts it as dropped ("undecodable") and goes on, DeadLetter(topic) sends it there.
//
// Where the event time comes from the value such a record has none: the watermark stays where it is.
func (t Topic[K, V]) OnBadRecord(p Policy) Topic[K, V] { t.source.badRecord = p; return t }

// OnGap says what happens when records between the committed offset and the beginning of the log were deleted before
// they were read: Fail (the default) stops with an error that wraps ErrGap, Skip goes on at the log's beginning and
// counts the gap.
func (t Topic[K, V]) OnGap(p Policy) Topic[K, V] { t.source.gap = p; return t }

// PartitionBy says where a record goes when the topic is a sink: f returns a partition from 0 to partitions-1; another
// one is an error that names the record. f is called for each record on the task's goroutine, with the zero
// key where there is none and the zero value of a tombstone. Without it a record goes where Kafka's default
// partitioner puts its key, and one without key to a partition of its task.
//
// Whoever reads the topic and keeps state by key needs all records of a key in one partition: then f may look at
// nothing but the key.
func (t Topic[K, V]) PartitionBy(f func(k K, v V, partitions int) int) Topic[K, V] {
	t.place = f
	return t
}

// StartEarliest begins at the oldest record where the group has committed nothing. It is the default.
func (t Topic[K, V]) StartEarliest() Topic[K, V] { t.source.start = connector.Start{}; return t }

// StartLatest begins with the records that come after the start where the group has committed nothing.
func (t Topic[K, V]) StartLatest() Topic[K, V] {
	t.source.start = connector.Start{Latest: true}
	return t
}

// StartAt begins with the first record whose timestamp is at or later, where the group has committed nothing.
func (t Topic[K, V]) StartAt(at time.Time) Topic[K, V] {
	t.source.start = connector.Start{At: at}
	return t
}

func (t Topic[K, V]) topic() Topic[K, V] { return t }

// ErrGap is wrapped by the error about records that were deleted before they were read.
var ErrGap = connector.ErrGap

// Source is what a stream can be read from: a Topic.
type Source[K comparable, V any] interface{ topic() Topic[K, V] }
