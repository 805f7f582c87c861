package framework

import (
	"maps"
	"strconv"
	"strings"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// DeadLetter sends records that cannot go on to a topic of the same connector and goes on; they are counted as
// "dead_letter". A dead letter is written in the round of its record, as every output, to the partition whose number is
// that of the record's, modulo the partitions of the topic. It has the record's key, value and headers as they were read,
// and its timestamp; where a broker would refuse that one, for it is negative or beyond all bounds, the highest event time
// of the partition so far stands for it. These headers come after its own, all of them text:
//
//	dlq.topic, dlq.partition, dlq.offset   where the record was read
//	dlq.timestamp                          its timestamp as it was read, ms since 1970
//	dlq.operator                           what refused it, as descriptions name it
//	dlq.reason                             what it would be counted as if it were skipped, such as "undecodable"
//	dlq.error                              the error, at most 1,000 bytes of it
//
// Where the topic does not exist the application creates it, with as many partitions as the sub-topology that reads
// the source has tasks, and with the settings of the source's topic, but never compacted. The graph cannot read it, nor
// write anything else to it. A connector whose topics have no headers, such as file, keeps the value alone.
func DeadLetter(topic string) Policy { return Policy{policyDeadLetter, topic} }

// addDeadLetters adds the sinks that the policies of a source ask for.
func addDeadLetters(source *node) {
	options := source.reads.source
	for _, p := range []Policy{options.badRecord, options.badTime} {
		if p.kind != policyDeadLetter || source.letters(p.topic) != nil {
			continue
		}
		n := source.topology.add("dead-letter", p.topic, source)
		n.sink, n.dead = true, true
		settings := maps.Clone(source.reads.spec.Configs)
		delete(settings, "cleanup.policy") // dead letters of one key are all different
		n.writes = &topicUse{
			name: p.topic, factory: source.reads.factory, types: "dead letters",
			spec: connector.TopicSpec{Name: p.topic, Configs: settings},
		}
	}
}

// letters returns the sink that takes a source's dead letters for a topic, nil if there is none.
func (n *node) letters(topic string) *node {
	for _, e := range n.out {
		if e.to.dead && e.to.name == topic {
			return e.to
		}
	}
	return nil
}

// handsOn says that somebody takes the node's output.
func (n *node) handsOn() bool {
	for _, e := range n.out {
		if !e.to.dead {
			return true
		}
	}
	return false
}

// checkDeadLetters: nobody in the graph reads dead letters.
func (b *build) checkDeadLetters() {
	for _, dead := range b.topology.nodes {
		if !dead.dead {
			continue
		}
		for _, n := range b.topology.nodes {
			if n.reads != nil && b.fullName(n.reads) == dead.name {
				b.fault("%s: %s reads the topic that dead letters are sent to, and would refuse them again: name another topic, and read it in another application", dead, n)
			}
		}
	}
}

// deadLetters writes the dead letters of a task to a topic.
type deadLetters struct {
	task       *engine.Task
	operator   string
	topic      string
	index      int32 // of the topic
	partitions int32
}

// deadLetters returns what writes the dead letters of a source.
func (o *opening) deadLetters(source *node) (all []*deadLetters) {
	for _, e := range source.out {
		if e.to.dead {
			at := o.build.topic(e.to.writes)
			all = append(all, &deadLetters{o.task, source.String(), e.to.name, at, o.env.Partitions[at]})
		}
	}
	return all
}

// write adds a dead letter to the outputs: r, which m came with, and why it goes no further.
func (d *deadLetters) write(m *Meta, r *connector.Record, reason string, cause error) {
	arena := d.task.Arena()
	out := connector.Out{Topic: d.index, Partition: m.Partition % d.partitions, Time: d.time(m, r)}
	if r.Key != nil {
		out.Key = arena.Copy(r.Key)
	}
	if r.Value != nil {
		out.Value = arena.Copy(r.Value)
	}
	out.Headers = make([]Header, 0, len(r.Headers)+7)
	for _, h := range r.Headers {
		kept := Header{Key: h.Key}
		if h.Value != nil {
			kept.Value = arena.Copy(h.Value)
		}
		out.Headers = append(out.Headers, kept)
	}
	for _, h := range [][2]string{
		{"dlq.topic", m.Topic},
		{"dlq.partition", strconv.Itoa(int(m.Partition))},
		{"dlq.offset", strconv.FormatInt(m.Offset, 10)},
		{"dlq.timestamp", strconv.FormatInt(r.Time, 10)},
		{"dlq.operator", d.operator},
		{"dlq.reason", reason},
		{"dlq.error", shortened(cause.Error())},
	} {
		out.Headers = append(out.Headers, Header{Key: h[0], Value: []byte(h[1])})
	}
	d.task.Emit(out)
}

// time returns the timestamp of a dead letter.
func (d *deadLetters) time(m *Meta, r *connector.Record) int64 {
	if ms, fault := judgeOwn(r.Time); fault == timeGood {
		return ms
	}
	for _, in := range d.task.Inputs() {
		if in.Name == m.Topic && in.Partition == m.Partition {
			return max(0, in.Time())
		}
	}
	return 0
}

const longestError = 1000

// shortened cuts an error to what fits beside a record that may be as large as its topic allows.
func shortened(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), longestError)], "")
}
