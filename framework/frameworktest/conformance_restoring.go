package frameworktest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/framework/connector"
)

func restoringChecks() []check {
	return []check{
		{name: "a restoration reads a changelog from its start to its end", run: restoresAll},
		{name: "an empty changelog is restored at once", run: restoresNothing},
		{name: "a restoration that is begun anew starts at the start", run: restoresAnew},
		{name: "a restoration that was given up says no more", run: restoreStops},
		{name: "records come while changelogs are restored", run: restoresBesideReading},
	}
}

func isGap(err error, topic string) error {
	if !errors.Is(err, connector.ErrGap) || !strings.Contains(err.Error(), topic) {
		return fmt.Errorf("want an error about the gap that names topic %s, got %w", topic, orNone(err))
	}
	return nil
}

// restoring opens a worker with a source that has one record, and a changelog of three partitions, of topic index 1: the
// first has many keys, the second none, the third two.
func restoring(t *trial) (h *hand, want [3][]string, err error) {
	source, err := t.source("in", 1)
	if err != nil {
		return nil, want, err
	}
	if err := t.put(source.Name, 0, "a"); err != nil {
		return nil, want, err
	}
	c := t.graph(source, t.changelog(3), t.sink("out", 1))
	if h, err = t.open(c); err != nil {
		return nil, want, err
	}
	if err := h.until("the partition", h.owns(1)); err != nil {
		return nil, want, err
	}
	want[0], want[2] = numbers("key", 3000), numbers("other", 2)
	var outs []connector.Out
	for p := range want {
		for _, v := range want[p] {
			outs = append(outs, connector.Out{Topic: 1, Partition: int32(p), Key: []byte(v), Value: []byte(v)})
		}
	}
	if err := h.write(outs...); err != nil {
		return nil, want, err
	}
	if err := h.close(); err != nil { // another worker restores
		return nil, want, err
	}
	h, err = t.open(c)
	return h, want, err
}

// restored waits for a partition and compares.
func restored(h *hand, p int32, want []string) error {
	if err := h.until(fmt.Sprintf("the end of changelog partition %d", p), func() bool { return h.complete[at(1, p)] }); err != nil {
		return err
	}
	return same(fmt.Sprintf("changelog partition %d", p), values(h.restored[at(1, p)]), want)
}

func restoresAll(t *trial) error {
	h, want, err := restoring(t)
	if err != nil {
		return err
	}
	h.Restore(connector.Whole(at(1, 0), at(1, 2)))
	for _, p := range []int32{0, 2} {
		if err := restored(h, p, want[p]); err != nil {
			return err
		}
	}
	if h.complete[at(1, 1)] {
		return errors.New("a partition was restored that nobody asked for")
	}
	return nil
}

func restoresNothing(t *trial) error {
	h, _, err := restoring(t)
	if err != nil {
		return err
	}
	h.Restore(connector.Whole(at(1, 1)))
	return restored(h, 1, nil)
}

func restoresAnew(t *trial) error {
	h, want, err := restoring(t)
	if err != nil {
		return err
	}
	for range 3 {
		h.Restore(connector.Whole(at(1, 0)))
	}
	if err := restored(h, 0, want[0]); err != nil {
		return err
	}
	h.Restore(connector.Whole(at(1, 0)))
	clear(h.restored)
	clear(h.complete)
	return restored(h, 0, want[0])
}

func restoreStops(t *trial) error {
	h, want, err := restoring(t)
	if err != nil {
		return err
	}
	h.Restore(connector.Whole(at(1, 0), at(1, 2)))
	h.RestoreStop([]connector.Partition{at(1, 0)})
	if err := restored(h, 2, want[2]); err != nil {
		return err
	}
	if len(h.restored[at(1, 0)]) > 0 || h.complete[at(1, 0)] {
		return errors.New("changelog records come after the restoration was given up")
	}
	h.RestoreStop([]connector.Partition{at(1, 0), at(1, 2)}) // of nothing
	h.Restore(connector.Whole(at(1, 0)))
	return restored(h, 0, want[0])
}

func restoresBesideReading(t *trial) error {
	h, want, err := restoring(t)
	if err != nil {
		return err
	}
	h.Restore(connector.Whole(at(1, 0)))
	if err := h.until("a record of the source", h.has(at(0, 0), 1)); err != nil {
		return err
	}
	return restored(h, 0, want[0])
}
