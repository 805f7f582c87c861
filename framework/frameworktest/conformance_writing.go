package frameworktest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

func writingChecks() []check {
	return []check{
		{name: "each record written is acknowledged once and stands in the sink in order", run: writesInOrder},
		{name: "sinks keep times", run: sinksKeepTimes, needs: []Feature{Times}},
		{name: "sinks keep keys", run: sinksKeepKeys, needs: []Feature{Keys}},
		{name: "sinks keep the absence of a key", run: sinksKeepNoKey, needs: []Feature{Keys}},
		{name: "sinks keep headers", run: sinksKeepHeaders, needs: []Feature{Headers}},
		{name: "sinks keep null values", run: sinksKeepNull, needs: []Feature{NullValues}},
		{name: "sinks keep empty values", run: sinksKeepEmpty, needs: []Feature{EmptyValues}},
		{name: "repartition topics keep all of a record", run: repartitionsKeepAll},
		{name: "a worker reads what it writes", run: readsWhatItWrites},
		{name: "a purge deletes nothing from the position on", run: purgeKeepsTheRest},
		{name: "a position below what was purged is a gap", run: purgedIsAGap},
	}
}

// writer opens a worker that reads nothing much and writes to a sink.
func writer(t *trial, partitions int32) (*hand, error) {
	source, err := t.source("in", 1)
	if err != nil {
		return nil, err
	}
	h, err := t.open(t.graph(source, t.sink("out", partitions)))
	if err != nil {
		return nil, err
	}
	return h, h.until("the partition", h.owns(1))
}

func writesInOrder(t *trial) error {
	h, err := writer(t, 2)
	if err != nil {
		return err
	}
	partitions := h.config.Topics[1].Partitions
	want := make([][]string, partitions)
	for round := range 3 {
		var outs []connector.Out
		for i, v := range numbers(fmt.Sprint("round", round, "-"), 500) {
			p := int32(i) % partitions
			outs = append(outs, connector.Out{Topic: 1, Partition: p, Value: []byte(v)})
			want[p] = append(want[p], v)
		}
		if err := h.write(outs...); err != nil {
			return err
		}
	}
	if err := h.close(); err != nil {
		return err
	}
	got, err := t.Take(h.config.Topics[1].Name)
	if err != nil {
		return fmt.Errorf("read the sink: %w", err)
	}
	for p := range want {
		if p >= len(got) {
			return fmt.Errorf("the sink has %d partitions, want %d", len(got), partitions)
		}
		if err := same(fmt.Sprintf("sink, partition %d", p), values(got[p]), want[p]); err != nil {
			return err
		}
	}
	return nil
}

// through writes a record to a sink and returns what can be read of it.
func through(t *trial, out connector.Out) (r connector.Record, err error) {
	h, err := writer(t, 1)
	if err != nil {
		return r, err
	}
	out.Topic = 1
	if err := h.write(out); err != nil {
		return r, err
	}
	if err := h.close(); err != nil {
		return r, err
	}
	got, err := t.Take(h.config.Topics[1].Name)
	if err != nil {
		return r, fmt.Errorf("read the sink: %w", err)
	}
	if len(got) != 1 || len(got[0]) != 1 {
		return r, fmt.Errorf("the sink has %v, want one record", got)
	}
	return got[0][0], nil
}

func sinksKeepTimes(t *trial) error {
	r, err := through(t, connector.Out{Time: 1_700_000_000_123, Value: []byte("v")})
	if err == nil && r.Time != 1_700_000_000_123 {
		err = fmt.Errorf("the time is %d", r.Time)
	}
	return err
}

func sinksKeepKeys(t *trial) error {
	r, err := through(t, connector.Out{Key: []byte("k"), Value: []byte("v")})
	if err == nil && string(r.Key) != "k" {
		err = fmt.Errorf("the key is %q", r.Key)
	}
	return err
}

func sinksKeepNoKey(t *trial) error {
	r, err := through(t, connector.Out{Value: []byte("v")})
	if err == nil && r.Key != nil {
		err = fmt.Errorf("no key became %#v", r.Key)
	}
	return err
}

func sinksKeepHeaders(t *trial) error {
	want := []connector.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "empty", Value: []byte{}}}
	r, err := through(t, connector.Out{Value: []byte("v"), Headers: want})
	if err == nil && !equalHeaders(r.Headers, want) {
		err = fmt.Errorf("the headers are %v, want %v", r.Headers, want)
	}
	return err
}

func sinksKeepNull(t *trial) error {
	r, err := through(t, connector.Out{Key: []byte("k")})
	if err == nil && r.Value != nil {
		err = fmt.Errorf("null became %#v", r.Value)
	}
	return err
}

func sinksKeepEmpty(t *trial) error {
	r, err := through(t, connector.Out{Key: []byte("k"), Value: []byte{}})
	if err == nil && !equalBytes(r.Value, []byte{}) {
		err = fmt.Errorf("empty became %#v", r.Value)
	}
	return err
}

// equalBytes tells nil from empty.
func equalBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func equalHeaders(a, b []connector.Header) bool {
	return slices.EqualFunc(a, b, func(x, y connector.Header) bool { return x.Key == y.Key && bytes.Equal(x.Value, y.Value) })
}

// repartitioning opens a worker that reads a repartition topic, of topic index 1.
func repartitioning(t *trial) (*hand, connector.WorkerConfig, error) {
	source, err := t.source("in", 1)
	if err != nil {
		return nil, connector.WorkerConfig{}, err
	}
	c := t.graph(source, t.repartition(1), t.sink("out", 1))
	h, err := t.open(c)
	if err != nil {
		return nil, c, err
	}
	return h, c, h.until("both partitions", h.owns(2))
}

func repartitionsKeepAll(t *trial) error {
	h, _, err := repartitioning(t)
	if err != nil {
		return err
	}
	want := []connector.Out{
		{Time: 5, Key: []byte("k"), Value: []byte("v"), Headers: []connector.Header{{Key: "h", Value: []byte("x")}, {Key: "h", Value: []byte{}}}},
		{Time: 4, Value: []byte("no key")},
		{Time: 1 << 41, Key: []byte("null")},
		{Key: []byte("empty"), Value: []byte{}},
		{Key: []byte{}, Value: []byte("empty key")},
		{Key: bytes.Repeat([]byte{0, 0xff, '\n'}, 100), Value: bytes.Repeat([]byte("large\r\n"), 20_000)},
	}
	for i := range want {
		want[i].Topic = 1
	}
	if err := h.write(want...); err != nil {
		return err
	}
	if err := h.until("the records", h.has(at(1, 0), len(want))); err != nil {
		return err
	}
	i := 0
	for _, r := range h.read[at(1, 0)] {
		if r.Control {
			continue
		}
		w := want[i]
		if r.Time != w.Time || !equalBytes(r.Key, w.Key) || !equalBytes(r.Value, w.Value) || !equalHeaders(r.Headers, w.Headers) {
			return fmt.Errorf("record %d came back as time %d, key %.20q (nil: %v), value %.20q (nil: %v), headers %v; written was time %d, key %.20q (nil: %v), value %.20q (nil: %v), headers %v",
				i, r.Time, r.Key, r.Key == nil, r.Value, r.Value == nil, r.Headers, w.Time, w.Key, w.Key == nil, w.Value, w.Value == nil, w.Headers)
		}
		i++
	}
	return nil
}

// words writes values to the repartition topic.
func words(h *hand, values ...string) error {
	var outs []connector.Out
	for _, v := range values {
		outs = append(outs, connector.Out{Topic: 1, Key: []byte(v), Value: []byte(v)})
	}
	return h.write(outs...)
}

func readsWhatItWrites(t *trial) error {
	h, _, err := repartitioning(t)
	if err != nil {
		return err
	}
	var want []string
	for round := range 5 {
		some := numbers(fmt.Sprint("round", round, "-"), 300)
		want = append(want, some...)
		if err := words(h, some...); err != nil {
			return err
		}
		if err := h.until("what was written", h.has(at(1, 0), len(want))); err != nil {
			return err
		}
	}
	return same("the repartition topic", values(h.read[at(1, 0)]), want)
}

// purged writes ten records, commits that two are read, and purges what is below the position of the fifth.
func purged(t *trial) (connector.WorkerConfig, []connector.Record, error) {
	h, c, err := repartitioning(t)
	if err != nil {
		return c, nil, err
	}
	if err := words(h, numbers("", 10)...); err != nil {
		return c, nil, err
	}
	if err := h.until("the records", h.has(at(1, 0), 10)); err != nil {
		return c, nil, err
	}
	var all []connector.Record
	for _, r := range h.read[at(1, 0)] {
		if !r.Control {
			all = append(all, r)
		}
	}
	if err := h.commit(connector.Position{Partition: at(1, 0), Offset: all[2].Offset}); err != nil {
		return c, nil, err
	}
	h.Purge([]connector.Position{{Partition: at(1, 0), Offset: all[5].Offset}})
	if err := h.poll(0); err != nil {
		return c, nil, err
	}
	return c, all, h.close()
}

func purgeKeepsTheRest(t *trial) error {
	c, _, err := purged(t)
	if err != nil {
		return err
	}
	c.Sources[1].SkipGap = true
	h, err := t.open(c)
	if err != nil {
		return err
	}
	if err := h.until("what was not purged", func() bool {
		read := values(h.read[at(1, 0)])
		return len(read) > 0 && read[len(read)-1] == "9"
	}); err != nil {
		return err
	}
	got, want := values(h.read[at(1, 0)]), numbers("", 10)[5:]
	return same("the last of the records", got[max(0, len(got)-5):], want)
}

// A purge may do nothing: then there is no gap.
func purgedIsAGap(t *trial) error {
	c, all, err := purged(t)
	if err != nil {
		return err
	}
	c.Sources[1].SkipGap = true
	h, err := t.open(c)
	if err != nil {
		return err
	}
	if err := h.until("what was not purged", func() bool {
		read := values(h.read[at(1, 0)])
		return len(read) > 0 && read[len(read)-1] == "9"
	}); err != nil {
		return err
	}
	first := h.read[at(1, 0)][0].Offset
	if gap := h.assigned[at(1, 0)].Gap + h.skipped; all[2].Offset+gap != first {
		return fmt.Errorf("%d was committed and %d is read first, and a gap of %d is told", all[2].Offset, first, gap)
	}
	if err := h.close(); err != nil {
		return err
	}
	c.Sources[1].SkipGap = false
	if h, err = t.open(c); err != nil {
		return err
	}
	err = h.until("the records or the gap", h.has(at(1, 0), 5))
	if first > all[2].Offset {
		return isGap(err, c.Topics[1].Name)
	}
	return err
}
