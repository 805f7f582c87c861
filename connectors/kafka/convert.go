package kafka

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// convert puts what the client fetched into the batch.
func (w *worker) convert(b *connector.Batch, fetches kgo.Fetches) error {
	for _, f := range fetches {
		for i := range f.Topics {
			t := &f.Topics[i]
			topic, ours := w.topics[t.Topic]
			for j := range t.Partitions {
				p := &t.Partitions[j]
				if !ours || p.Partition < 0 {
					if err := w.groupError(p.Err); err != nil {
						return err
					}
					continue
				}
				run := connector.Run{Partition: connector.Partition{Topic: topic, Partition: p.Partition}, End: p.LastStableOffset}
				if errors.Is(p.Err, kerr.OffsetOutOfRange) && w.sources[topic].SkipGap {
					run.SkippedTo, run.Err = w.skip(t.Topic, p.Partition)
				} else if p.Err != nil && !kerr.IsRetriable(p.Err) {
					run.Err = w.readError(t.Topic, p.Err)
				}
				if run.Records, run.Bytes = w.free.records(p.Records); len(run.Records) > 0 || run.Err != nil || run.End >= 0 || run.SkippedTo > 0 {
					b.Runs = append(b.Runs, run)
				}
			}
		}
	}
	return nil
}

// groupError judges an error that concerns no partition: the client goes on after most of them by itself.
func (w *worker) groupError(err error) error {
	if err == nil || w.ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, kerr.GroupAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) ||
		errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.InconsistentGroupProtocol) {
		return fmt.Errorf("group %s: %w", w.config.Group, explain(err))
	}
	if times, now := w.rejoining.tell(err, time.Now()); now {
		w.log.Warn("the group has to be joined again", "error", err, "times", times)
	}
	return nil
}

// recordPool keeps slices of records for reuse; used by the worker's goroutine only.
type recordPool struct{ free [][]connector.Record }

// recordBytes is what a record takes beside its key and value, here and in the client.
const recordBytes = int64(unsafe.Sizeof(connector.Record{}) + unsafe.Sizeof(kgo.Record{}))

// records converts records and returns how much memory they hold.
func (p *recordPool) records(in []*kgo.Record) (out []connector.Record, bytes int64) {
	if len(in) == 0 {
		return nil, 0
	}
	if n := len(p.free); n > 0 {
		out, p.free = p.free[n-1][:0], p.free[:n-1]
	}
	if cap(out) < len(in) {
		out = make([]connector.Record, 0, len(in))
	}
	for _, r := range in {
		bytes += int64(len(r.Key)+len(r.Value)) + recordBytes
		out = append(out, connector.Record{
			Offset: r.Offset, Time: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value,
			Headers: headers(r.Headers), Control: r.Attrs.IsControl(),
		})
	}
	return out, bytes
}

// Recycle takes records back.
func (w *worker) Recycle(records []connector.Record) {
	if cap(records) > 0 && len(w.free.free) < 64 {
		clear(records)
		w.free.free = append(w.free.free, records[:0])
	}
}

func headers(in []kgo.RecordHeader) []connector.Header {
	if len(in) == 0 {
		return nil
	}
	out := make([]connector.Header, len(in))
	for i, h := range in {
		out[i] = connector.Header{Key: h.Key, Value: h.Value}
	}
	return out
}
