package kafka

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
)

// internal says that a topic is the application's own.
func (w *worker) internal(topic string) bool {
	at, ours := w.topics[topic]
	return ours && w.config.Topics[at].Role.Internal()
}

// beginsLater is the error of a partition whose committed offset was deleted.
func (w *worker) beginsLater(topic string, partition int32, committed, start int64) error {
	do := fmt.Sprintf("give the topic more retention, or go on at the beginning with OnGap(framework.Skip), which counts the %d lost records", start-committed)
	if w.internal(topic) {
		do = fmt.Sprintf("the topic is the application's own, and somebody deleted from it what was not processed: begin anew under another application name; or, to go on without these %d records, stop all instances and set the offset of group %s there to %d",
			start-committed, w.config.Group, start)
	}
	return fmt.Errorf("topic %s, partition %d: %w: offset %d is committed and the log begins at %d; %s", topic, partition, connector.ErrGap, committed, start, do)
}

// endsBefore is the error of a partition that does not have its committed offset yet.
func (w *worker) endsBefore(topic string, partition int32, committed, end int64) error {
	do := fmt.Sprintf("where the topic was made anew, delete the offset of group %s there to read it from its beginning: stores keep what they have of the former one", w.config.Group)
	if w.internal(topic) {
		do = fmt.Sprintf("the topic is the application's own, and somebody made it anew or cut it short: begin anew under another application name; or, to go on without what it held, stop all instances and delete the offset of group %s there", w.config.Group)
	}
	return fmt.Errorf("topic %s, partition %d: %w: offset %d is committed and the log ends at %d; %s", topic, partition, connector.ErrGap, committed, end, do)
}

// readError says what to do about an error of a fetch.
func (w *worker) readError(topic string, err error) error {
	if !errors.Is(err, kerr.OffsetOutOfRange) {
		return explain(err)
	}
	do := "give the topic more retention, or go on where the log begins with OnGap(framework.Skip), which counts the lost records"
	if w.internal(topic) {
		do = "the topic is the application's own, and somebody deleted from it what was not read: start again, and where that does not help begin anew under another application name"
	}
	return fmt.Errorf("%w: %w; %s", connector.ErrGap, err, do)
}
