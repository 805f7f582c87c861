package frameworktest

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

func readingChecks() []check {
	return []check{
		{name: "records of a partition come in the order in which they were written", run: readsInOrder},
		{name: "reading goes on at the committed position", run: goesOnAtTheCommitted},
		{name: "what was committed comes back with its metadata", run: metadataComesBack},
		{name: "where reading begins is said by the source", run: beginsWhereTheSourceSays},
		{name: "records have their times", run: recordsHaveTimes, needs: []Feature{Times}},
		{name: "assigned partitions start paused", run: startsPaused},
		{name: "a paused partition gives nothing while others do", run: pausedGivesNothing},
		{name: "a pause loses and repeats nothing", run: pauseLosesNothing},
		{name: "records that are not asked for stay where they are", run: notAskedFor},
		{name: "a partition with much does not starve the others", run: starvesNobody},
	}
}

// numbers returns n values that differ.
func numbers(prefix string, n int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf("%s%d", prefix, i))
	}
	return values
}

func readsInOrder(t *trial) error {
	source, err := t.source("in", 3)
	if err != nil {
		return err
	}
	want := map[int32][]string{}
	for round := range 4 {
		for p := range int32(3) {
			some := numbers(fmt.Sprintf("%d-%d-", p, round), 700)
			want[p] = append(want[p], some...)
			if err := t.put(source.Name, p, some...); err != nil {
				return err
			}
		}
	}
	h, err := t.open(t.graph(source, t.sink("out", 1)))
	if err != nil {
		return err
	}
	for p := range int32(3) {
		if err := h.until("all records", h.has(at(0, p), len(want[p]))); err != nil {
			return err
		}
	}
	if err := t.put(source.Name, 1, "later"); err != nil {
		return err
	}
	want[1] = append(want[1], "later")
	if err := h.until("what is put later", h.has(at(0, 1), len(want[1]))); err != nil {
		return err
	}
	for p := range int32(3) {
		if err := same(fmt.Sprintf("partition %d", p), values(h.read[at(0, p)]), want[p]); err != nil {
			return err
		}
	}
	return nil
}

func goesOnAtTheCommitted(t *trial) error {
	all := numbers("", 500)
	h, c, err := t.one(all...)
	if err != nil {
		return err
	}
	if err := h.until("some records", h.has(at(0, 0), 7)); err != nil {
		return err
	}
	position := connector.Position{Partition: at(0, 0), Offset: h.read[at(0, 0)][6].Offset + 1}
	if err := h.commit(position); err != nil {
		return err
	}
	if err := h.close(); err != nil {
		return err
	}
	h, err = t.open(c)
	if err != nil {
		return err
	}
	if err := h.until("the rest", h.has(at(0, 0), len(all)-7)); err != nil {
		return err
	}
	if a := h.assigned[at(0, 0)]; a.Offset != position.Offset {
		return fmt.Errorf("it was assigned from offset %d on, and %d was committed", a.Offset, position.Offset)
	}
	return same("after the committed position", values(h.read[at(0, 0)]), all[7:])
}

func metadataComesBack(t *trial) error {
	source, err := t.source("in", 2)
	if err != nil {
		return err
	}
	if err := t.put(source.Name, 0, "a", "b"); err != nil {
		return err
	}
	c := t.graph(source, t.sink("out", 1))
	h, err := t.open(c)
	if err != nil {
		return err
	}
	if err := h.until("both partitions", h.owns(2)); err != nil {
		return err
	}
	if err := h.until("both records", h.has(at(0, 0), 2)); err != nil {
		return err
	}
	for p, a := range h.assigned {
		if a.Metadata != "" {
			return fmt.Errorf("%s has metadata %q, and nothing was committed", named(c, p), a.Metadata)
		}
	}
	first, second := h.position(at(0, 0)), h.position(at(0, 1))
	first.Metadata, second.Metadata = "times of 0 \x01ü", "times of 1"
	for _, offset := range []int64{h.read[at(0, 0)][0].Offset + 1, first.Offset} { // the last commit counts
		first.Offset = offset
		if err := h.commit(first, second); err != nil {
			return err
		}
	}
	if err := h.close(); err != nil {
		return err
	}
	if h, err = t.open(c); err != nil {
		return err
	}
	if err := h.until("both partitions again", h.owns(2)); err != nil {
		return err
	}
	for _, want := range []connector.Position{first, second} {
		if a := h.assigned[want.Partition]; a.Offset != want.Offset || a.Metadata != want.Metadata {
			return fmt.Errorf("%s came back at %d with %q, and %d was committed with %q", named(c, want.Partition), a.Offset, a.Metadata, want.Offset, want.Metadata)
		}
	}
	return nil
}

func beginsWhereTheSourceSays(t *trial) error {
	source, err := t.source("in", 1)
	if err != nil {
		return err
	}
	if err := t.put(source.Name, 0, "0", "1", "2"); err != nil { // at 0 s, 1 s, 2 s
		return err
	}
	starts := []struct {
		name  string
		start connector.Start
		want  []string
	}{
		{"earliest", connector.Start{}, []string{"0", "1", "2", "new"}},
		{"latest", connector.Start{Latest: true}, []string{"new"}},
		{"second", connector.Start{At: time.UnixMilli(500)}, []string{"1", "2", "new"}},
	}
	if !t.author.carries(Times) {
		starts = starts[:2]
	}
	var hands []*hand
	for _, s := range starts {
		c := t.graph(source, t.sink("out", 1))
		c.Group, c.Sources[0].Start = t.Application+"-"+s.name, s.start
		h, err := t.open(c)
		if err != nil {
			return err
		}
		if err := h.until("the partition", h.owns(1)); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		hands = append(hands, h)
	}
	if err := t.put(source.Name, 0, "new"); err != nil {
		return err
	}
	for i, s := range starts {
		if err := hands[i].until("the records", hands[i].has(at(0, 0), len(s.want))); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := same(s.name, values(hands[i].read[at(0, 0)]), s.want); err != nil {
			return err
		}
	}
	return nil
}

func recordsHaveTimes(t *trial) error {
	h, _, err := t.one("0", "1", "2")
	if err != nil {
		return err
	}
	if err := h.until("the records", h.has(at(0, 0), 3)); err != nil {
		return err
	}
	for i, r := range h.read[at(0, 0)] {
		if r.Time != int64(i)*1000 {
			return fmt.Errorf("record %d has time %d, want %d", i, r.Time, i*1000)
		}
	}
	return nil
}

// two opens a worker that reads two partitions with a record each and resumes nothing.
func two(t *trial) (*hand, string, error) {
	source, err := t.source("in", 2)
	if err != nil {
		return nil, "", err
	}
	for p := range int32(2) {
		if err := t.put(source.Name, p, "first"); err != nil {
			return nil, "", err
		}
	}
	h, err := t.open(t.graph(source, t.sink("out", 1)))
	if err != nil {
		return nil, "", err
	}
	h.lazy = true
	return h, source.Name, h.until("both partitions", h.owns(2))
}

func startsPaused(t *trial) error {
	h, topic, err := two(t)
	if err != nil {
		return err
	}
	h.resume(at(0, 0))
	if err := h.until("what was resumed", h.has(at(0, 0), 1)); err != nil {
		return err
	}
	if err := t.put(topic, 0, "second"); err != nil {
		return err
	}
	if err := h.until("more of it", h.has(at(0, 0), 2)); err != nil {
		return err
	}
	h.resume(at(0, 1)) // until now a record of it was an error
	return h.until("the other one", h.has(at(0, 1), 1))
}

func pausedGivesNothing(t *trial) error {
	h, topic, err := two(t)
	if err != nil {
		return err
	}
	h.resume(at(0, 0), at(0, 1))
	for p := range int32(2) {
		if err := h.until("the first records", h.has(at(0, p), 1)); err != nil {
			return err
		}
	}
	h.pause(at(0, 1))
	for i := range 3 {
		for p := range int32(2) {
			if err := t.put(topic, p, "more"); err != nil {
				return err
			}
		}
		if err := h.until("records of the other one", h.has(at(0, 0), 2+i)); err != nil { // one that is paused is an error
			return err
		}
	}
	h.resume(at(0, 1))
	return h.until("what was held back", h.has(at(0, 1), 4))
}

func pauseLosesNothing(t *trial) error {
	want := numbers("", 3)
	h, c, err := t.one(want...)
	if err != nil {
		return err
	}
	if err := h.until("the first records", h.has(at(0, 0), 3)); err != nil {
		return err
	}
	for i := range 8 {
		some := numbers(fmt.Sprint("round", i, "-"), 50)
		want = append(want, some...)
		if i%2 == 0 {
			h.pause(at(0, 0))
		}
		if err := t.put(c.Topics[0].Name, 0, some...); err != nil {
			return err
		}
		h.pause(at(0, 0))
		h.resume(at(0, 0))
		if err := h.until("what was put meanwhile", h.has(at(0, 0), len(want))); err != nil {
			return err
		}
	}
	return same("over all pauses", values(h.read[at(0, 0)]), want)
}

func notAskedFor(t *trial) error {
	h, c, err := t.one("a")
	if err != nil {
		return err
	}
	if err := h.until("the record", h.has(at(0, 0), 1)); err != nil {
		return err
	}
	if err := t.put(c.Topics[0].Name, 0, "b"); err != nil {
		return err
	}
	h.without = true
	for range 20 {
		if err := h.poll(time.Millisecond); err != nil {
			return err
		}
	}
	h.without = false
	if err := h.until("it when it is asked for", h.has(at(0, 0), 2)); err != nil {
		return err
	}
	return same("in all", values(h.read[at(0, 0)]), []string{"a", "b"})
}

func starvesNobody(t *trial) error {
	source, err := t.source("in", 2)
	if err != nil {
		return err
	}
	const many = 20_000
	if err := t.put(source.Name, 0, numbers("some value that is not short, so that there are enough bytes ", many)...); err != nil {
		return err
	}
	if err := t.put(source.Name, 1, "a"); err != nil {
		return err
	}
	c := t.graph(source, t.sink("out", 1))
	c.Budget = 1 << 20
	h, err := t.open(c)
	if err != nil {
		return err
	}
	if err := h.until("the partition with one record", h.has(at(0, 1), 1)); err != nil {
		return err
	}
	if err := h.until("the other one", h.has(at(0, 0), many)); err != nil {
		return err
	}
	return nil
}
