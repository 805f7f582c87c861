package engine

import (
	"errors"
	"fmt"
	"strings"
)

// OperatorError says which operator could not go on, and with which record.
type OperatorError struct {
	Operator string // as the description names it
	At       Origin // the record that was being processed
	Err      error
	Stack    string // of a panic in a user's function; "" else
}

func (e *OperatorError) Error() string {
	return fmt.Sprintf("operator %s, %s: %v", e.Operator, e.At, e.Err)
}
func (e *OperatorError) Unwrap() error { return e.Err }

// Origin is the place of a record in its topic.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
}

func (o Origin) String() string {
	if o.Topic == "" {
		return "at no record"
	}
	return fmt.Sprintf("topic %s, partition %d, offset %d", o.Topic, o.Partition, o.Offset)
}

// Reason names why a record was dropped. Each has its own count.
type Reason uint8

// The reasons for dropping a record.
const (
	DropUndecodable  Reason = iota // skipped by the source's policy
	DropNullKey                    // a record without key does not enter an aggregate or a table
	DropNullValue                  // a null value is no value of a stream
	DropNegativeTime               // a timestamp before 1970, skipped by the source's policy
	DropMissingTime                // the extractor found no event time, skipped by the source's policy
	DropFarFuture                  // an event time too far ahead of the record's timestamp, skipped by the source's policy
	DropLate                       // its window takes no more records that were born so late: the same ones in every run
	DropLateIdle                   // its window is closed, since a source was taken for idle
	DropReplayed                   // its window is closed: the record was read again after a crash
	DropNoWindow                   // no window has its time
	DropDeadLetter                 // sent to a topic of dead letters by a policy
	Reasons                        // how many there are
)

var reasonNames = [Reasons]string{
	"undecodable", "null_key", "null_value", "negative_time", "missing_time", "far_future", "late", "late_idle", "replayed", "no_window", "dead_letter",
}

func (r Reason) String() string { return reasonNames[r] }

// ReservedHeader is the header that carries birth watermarks and control records through repartition topics.
// Records of users must not have it.
const ReservedHeader = "mr"

// ErrReservedHeader refuses a user's record with the header that the framework keeps for itself.
var ErrReservedHeader = errors.New(`the header "mr" is reserved: choose another name`)

// panicError makes an error of what a user's function panicked with.
func panicError(p any) error {
	if err, ok := p.(error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic: %s", strings.TrimSpace(fmt.Sprint(p)))
}
