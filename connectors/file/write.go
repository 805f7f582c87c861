package file

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// Write takes records, and acknowledges them: they are durable with the next commit.
func (w *worker) Write(records []connector.Out, acked func(bytes int, err error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range records {
		o := &records[i]
		err := w.write(o)
		acked(len(o.Key)+len(o.Value), err)
	}
}

var errNoPartition = errors.New("there is no such partition")

func (w *worker) write(o *connector.Out) error {
	if o.Topic < 0 || int(o.Topic) >= len(w.sinks) {
		return fmt.Errorf("write to topic number %d, partition %d: the graph does not have it", o.Topic, o.Partition)
	}
	err := w.failed
	switch {
	case w.done:
		err = local.ErrClosed
	case err != nil:
	case w.sinks[o.Topic] != nil:
		w.written = true
		err = w.sinks[o.Topic].write(o.Value)
	case w.log(connector.Partition{Topic: o.Topic, Partition: o.Partition}) == nil:
		err = errNoPartition
	default:
		w.written = true
		w.outbox.add(w.config.Topics[o.Topic].Name, o)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("write to topic %s, partition %d: %w", w.config.Topics[o.Topic].Name, o.Partition, err)
	w.fail(err)
	return err
}

// fail keeps the first error after which nothing more can be committed.
func (w *worker) fail(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

var errTaken = errors.New("partitions were taken away while their results were being written: nothing of it is committed; start again")

// Commit makes what was written durable and visible together with the positions, or nothing of it.
func (w *worker) Commit(_ context.Context, positions []connector.Position) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return local.ErrClosed
	}
	if w.failed != nil {
		return w.failed
	}
	looks, err := w.prepare(positions)
	if err == nil {
		err = w.member.Commit(positions, func(allowed []connector.Position) error {
			if len(allowed) < len(positions) && w.written {
				return errTaken
			}
			return w.job.commit(w, allowed, looks)
		})
	}
	var refused *connector.CommitError
	if err != nil && !errors.As(err, &refused) {
		w.fail(err)
		return err
	}
	w.written = false
	w.outbox.clear()
	for _, s := range w.sinks {
		if s == nil {
			continue
		}
		if err := s.finish(false); err != nil {
			w.fail(err)
			return err
		}
	}
	return err
}

// prepare does what can be done before the group stands still: it makes the parts durable, and looks at the files that were read.
func (w *worker) prepare(positions []connector.Position) (map[connector.Partition]look, error) {
	for _, s := range w.sinks {
		if s == nil {
			continue
		}
		if err := s.settle(); err != nil {
			return nil, err
		}
	}
	looks := map[connector.Partition]look{}
	for _, p := range positions {
		w.readersMu.Lock()
		r := w.readers[p.Partition]
		w.readersMu.Unlock()
		if r == nil {
			continue
		}
		l, err := r.look(p.Offset)
		if err != nil {
			return nil, fmt.Errorf("commit the position of file %s: %w", r.file.Path, err)
		}
		looks[p.Partition] = l
	}
	return looks, nil
}

// commit replaces the manifest, and then shows internal topics' records to their readers. The group stands still.
func (j *job) commit(w *worker, positions []connector.Position, looks map[connector.Partition]look) error {
	out := w.outbox.batches
	return j.save(func(m *manifest) error {
		for _, p := range positions {
			topic := w.config.Topics[p.Topic].Name
			if known := m.topic(topic); known != nil {
				known.Positions[p.Partition.Partition] = position{p.Offset, p.Metadata}
				continue
			}
			file := m.files(topic).Files[p.Partition.Partition]
			file.Position, file.Metadata, file.Look = p.Offset, p.Metadata, looks[p.Partition]
		}
		w.list(m, false)
		if len(out) == 0 {
			return nil
		}
		return j.topics.store(m, out)
	}, func() {
		j.topics.publish(out)
		for _, s := range w.sinks {
			if s != nil {
				for _, p := range s.parts {
					p.committed = p.length
				}
			}
		}
	})
}

// list puts the worker's parts into a manifest.
func (w *worker) list(m *manifest, last bool) {
	now := time.Now()
	for _, s := range w.sinks {
		if s != nil {
			s.list(m, now, last)
		}
	}
}

// finishParts finishes all parts with what is committed of them. After an error it leaves that to the next start.
func (w *worker) finishParts() (err error) {
	open := false
	for _, s := range w.sinks {
		if s == nil {
			continue
		}
		defer func() { err = errors.Join(err, s.close()) }()
		if w.failed == nil {
			w.failed = s.discard()
			err = w.failed
		}
		for _, p := range s.parts {
			open = open || p.length > 0
		}
	}
	if w.failed != nil {
		return err
	}
	if open {
		if err := w.job.save(func(m *manifest) error { w.list(m, true); return nil }, func() {}); err != nil {
			return err
		}
	}
	for _, s := range w.sinks {
		if s != nil {
			err = errors.Join(err, s.finish(true))
		}
	}
	return err
}

// outbox is records of internal topics that wait for the commit.
type outbox struct {
	batches []batch
	free    [][]connector.Record
	bytes   []byte
}

const outboxBytes = 256 << 10

// add keeps a copy of a record.
func (b *outbox) add(topic string, o *connector.Out) {
	r := connector.Record{Time: o.Time, Key: b.keep(o.Key), Value: b.keep(o.Value)}
	for _, h := range o.Headers {
		r.Headers = append(r.Headers, connector.Header{Key: h.Key, Value: b.keep(h.Value)})
	}
	for i := range b.batches {
		if to := &b.batches[i]; to.partition == o.Partition && to.topic == topic {
			to.records = append(to.records, r)
			return
		}
	}
	to := batch{topic: topic, partition: o.Partition}
	if last := len(b.free) - 1; last >= 0 {
		to.records, b.free = b.free[last], b.free[:last]
	}
	to.records = append(to.records, r)
	b.batches = append(b.batches, to)
}

func (b *outbox) keep(from []byte) []byte {
	if from == nil {
		return nil
	}
	if cap(b.bytes)-len(b.bytes) < len(from) {
		b.bytes = make([]byte, 0, max(outboxBytes, len(from)))
	}
	start := len(b.bytes)
	b.bytes = append(b.bytes, from...)
	return b.bytes[start:len(b.bytes):len(b.bytes)]
}

func (b *outbox) clear() {
	for i := range b.batches {
		records := b.batches[i].records
		clear(records)
		b.free = append(b.free, records[:0])
	}
	b.batches, b.bytes = b.batches[:0], nil
}
