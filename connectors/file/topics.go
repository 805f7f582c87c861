package file

import (
	"fmt"
	"path/filepath"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

const (
	// rewriteRunning is the bytes that a journal may have beyond twice those that are alive, before it is rewritten while the
	// application runs.
	rewriteRunning = 64 << 20
	// rewriteAtStart is the same at the start.
	rewriteAtStart = 1 << 20
)

// topics is the internal topics of an application, as they are committed: logs in memory, kept in a journal.
type topics struct {
	disk    disk
	state   string
	logs    map[string][]*local.Log
	journal handle // nil before the first record
	most    int64  // bytes that the journal may have beyond twice those that are alive
}

func journalName(number int) string { return fmt.Sprintf("internal-%06d.log", number) }

// load reads the topics that a manifest lists.
func (t *topics) load(m *manifest) error {
	for _, i := range m.Internal {
		t.logs[i.Topic] = make([]*local.Log, len(i.Positions))
	}
	if m.Log.Number > 0 {
		name := filepath.Join(t.state, journalName(m.Log.Number))
		f, err := t.disk.Open(name, openReadWrite)
		if err == nil {
			t.journal = f
			err = readFrames(f, m.Log.Length, func(b batch) error { return t.take(m, b) })
		}
		if err != nil {
			return fmt.Errorf("%s, which holds the state of application %s, is damaged: %w; put a copy of the folder back, or remove it and what was written, to begin anew", name, m.Application, err)
		}
	}
	for _, i := range m.Internal {
		for p, l := range t.logs[i.Topic] {
			if l == nil {
				t.logs[i.Topic][p] = newLog(i.Changelog, 0)
			} else if !i.Changelog {
				l.Purge(i.Positions[p].Offset)
			}
		}
	}
	return nil
}

// take adds what was read to its log.
func (t *topics) take(m *manifest, b batch) error {
	of, logs := m.topic(b.topic), t.logs[b.topic]
	if of == nil || int(b.partition) >= len(logs) {
		return fmt.Errorf("topic %s has no partition %d", b.topic, b.partition)
	}
	if logs[b.partition] == nil {
		start := b.start
		if len(b.records) == 0 {
			start = b.end
		}
		logs[b.partition] = newLog(of.Changelog, start)
	}
	return logs[b.partition].AppendAt(b.records...)
}

func newLog(changelog bool, start int64) *local.Log {
	if changelog {
		return local.NewCompactedLog(start)
	}
	return local.NewLog(start)
}

// add makes a topic that the manifest does not list yet.
func (t *topics) add(spec connector.TopicSpec, partitions int32) {
	for range partitions {
		t.logs[spec.Name] = append(t.logs[spec.Name], newLog(spec.Role&connector.RoleChangelog != 0, 0))
	}
}

// log returns the log of a partition, nil where there is none.
func (t *topics) log(topic string, partition int32) *local.Log {
	if logs := t.logs[topic]; partition >= 0 && int(partition) < len(logs) {
		return logs[partition]
	}
	return nil
}

// store writes records that are about to be committed, and says so in the manifest that is about to be.
func (t *topics) store(m *manifest, out []batch) error {
	for i := range out {
		out[i].number(t.log(out[i].topic, out[i].partition).Span().End)
	}
	if m.Log.Number == 0 || m.Log.Length > t.most+2*t.bytes() {
		if err := t.rewrite(m); err != nil {
			return err
		}
	}
	if err := t.write(m, appendFrames(nil, out)); err != nil {
		return err
	}
	return t.journal.Sync()
}

func (t *topics) write(m *manifest, frames []byte) error {
	n, err := t.journal.WriteAt(frames, m.Log.Length)
	m.Log.Length += int64(n)
	return err
}

// number gives records the offsets that they will have.
func (b *batch) number(start int64) {
	b.start, b.end = start, start+int64(len(b.records))
	for i := range b.records {
		b.records[i].Offset = start + int64(i)
	}
}

// bytes is about how much the logs hold.
func (t *topics) bytes() (n int64) {
	for _, logs := range t.logs {
		for _, l := range logs {
			n += l.Bytes()
		}
	}
	return n
}

// rewrite begins a new journal with what is alive. The old one is there until the manifest that names the new one is.
func (t *topics) rewrite(m *manifest) error {
	m.Log = logFile{Number: m.Log.Number + 1}
	f, err := t.disk.Open(filepath.Join(t.state, journalName(m.Log.Number)), openNew)
	if err != nil {
		return err
	}
	if t.journal != nil {
		err = t.journal.Close()
	}
	t.journal = f
	if err != nil {
		return err
	}
	for _, i := range m.Internal {
		for p, l := range t.logs[i.Topic] {
			if err := t.copy(m, i.Topic, int32(p), l); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy writes what a log holds.
func (t *topics) copy(m *manifest, topic string, partition int32, l *local.Log) error {
	s := l.Snapshot()
	for next := s.Start; ; {
		records, _ := s.Read(make([]connector.Record, 0, runRecords), next, frameBytes)
		b := batch{topic: topic, partition: partition, start: next, end: s.End, records: records}
		if len(records) > 0 {
			next = records[len(records)-1].Offset + 1
			b.end = next
		} else if next != s.Start {
			return nil
		}
		if err := t.write(m, appendFrames(nil, []batch{b})); err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
	}
}

// publish shows records that are committed to their readers.
func (t *topics) publish(out []batch) {
	for _, b := range out {
		t.log(b.topic, b.partition).Append(b.records...)
	}
}

func (t *topics) close() error {
	if t.journal == nil {
		return nil
	}
	return t.journal.Close()
}
