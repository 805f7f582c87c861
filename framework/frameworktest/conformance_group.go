package frameworktest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

func groupChecks() []check {
	return []check{
		{name: "a worker is told of an assignment, even of nothing", run: toldOfNothing},
		{name: "two workers share tasks as a whole", run: shareTasks},
		{name: "a third worker takes its share and nothing else moves", run: movesOnlyWhatItMust},
		{name: "the partitions of a worker that closes go to the others", run: closingHandsOver},
		{name: "a revoked partition can be committed until it is let go", run: commitsUntilDone},
		{name: "a partition that was let go cannot be committed", run: letGoIsRefused, needs: []Feature{Refusing}},
		{name: "a partition of another worker cannot be committed, and the others are", run: othersAreRefused, needs: []Feature{Refusing}},
		{name: "what was lost cannot be committed", run: lostIsNotCommitted, needs: []Feature{Expelling}},
	}
}

func toldOfNothing(t *trial) error {
	first, c, err := t.one("a")
	if err != nil {
		return err
	}
	c.Index = 1
	second, err := t.open(c)
	if err != nil {
		return err
	}
	told := func() bool { return len(first.events) > 0 && len(second.events) > 0 }
	if err := t.until("an event for each worker", told, first, second); err != nil {
		return err
	}
	if n := len(first.assigned) + len(second.assigned); n > 1 {
		return fmt.Errorf("two workers have %d partitions of 1", n)
	}
	return nil
}

// team opens workers of a graph that joins topics 0 and 1, with 4 partitions each, and reads topic 2, with 4 as well.
func team(t *trial, workers int) (hands []*hand, c connector.WorkerConfig, err error) {
	var topics []connector.TopicSpec
	for _, name := range []string{"left", "right", "other"} {
		source, err := t.source(name, 4)
		if err != nil {
			return nil, c, err
		}
		topics = append(topics, source)
		for p := range int32(4) {
			if err := t.put(source.Name, p, "a", "b", "c"); err != nil {
				return nil, c, err
			}
		}
	}
	c = t.graph(append(topics, t.sink("out", 1))...)
	c.Groups = [][]int32{{0, 1}, {2}}
	for range workers {
		h, err := t.open(c)
		if err != nil {
			return nil, c, err
		}
		hands = append(hands, h)
		c.Index++
	}
	return hands, c, t.until("a share for each", func() bool { return shared(hands) }, hands...)
}

// tasks counts the tasks of a worker of team.
func tasks(h *hand) (n int) {
	for p := range h.assigned {
		if p.Topic != 1 {
			n++
		}
	}
	return n
}

// shared says whether all is assigned, and evenly.
func shared(hands []*hand) bool {
	partitions, least, most := 0, 8, 0
	for _, h := range hands {
		partitions += len(h.assigned)
		least, most = min(least, tasks(h)), max(most, tasks(h))
	}
	return partitions == 12 && most-least <= 1
}

// whole checks that no partition is at two workers, and that those that belong together are at one.
func whole(hands []*hand) error {
	owner := map[connector.Partition]*hand{}
	for _, h := range hands {
		for p := range h.assigned {
			if owner[p] != nil {
				return fmt.Errorf("%s is at two workers", named(h.config, p))
			}
			owner[p] = h
		}
	}
	for p := range int32(4) {
		if owner[at(0, p)] != owner[at(1, p)] {
			return fmt.Errorf("partition %d of two topics that are joined is at two workers", p)
		}
	}
	return nil
}

func shareTasks(t *trial) error {
	hands, _, err := team(t, 2)
	if err != nil {
		return err
	}
	return whole(hands)
}

func movesOnlyWhatItMust(t *trial) error {
	hands, c, err := team(t, 2)
	if err != nil {
		return err
	}
	before := map[connector.Partition]*hand{}
	for _, h := range hands {
		for p := range h.assigned {
			before[p] = h
		}
		h.events = nil
	}
	third, err := t.open(c)
	if err != nil {
		return err
	}
	hands = append(hands, third)
	if err := t.until("a share for each of three", func() bool { return shared(hands) }, hands...); err != nil {
		return err
	}
	for _, h := range hands[:2] {
		for p := range h.assigned {
			if before[p] != h {
				return fmt.Errorf("%s moved between the two who were there", named(c, p))
			}
		}
		for _, e := range h.events {
			for _, a := range e.Partitions {
				if _, has := h.assigned[a.Partition]; has {
					return fmt.Errorf("%s stays at its worker, which was told that it is %s", named(c, a.Partition), e.Kind)
				}
			}
		}
	}
	return whole(hands)
}

func closingHandsOver(t *trial) error {
	hands, _, err := team(t, 2)
	if err != nil {
		return err
	}
	var positions []connector.Position
	for p := range hands[1].assigned {
		if err := hands[1].until("its records", hands[1].has(p, 3)); err != nil {
			return err
		}
		positions = append(positions, hands[1].position(p))
	}
	if err := hands[1].commit(positions...); err != nil {
		return err
	}
	if err := hands[1].close(); err != nil {
		return err
	}
	if err := hands[0].until("all partitions", hands[0].owns(12)); err != nil {
		return err
	}
	for _, p := range positions {
		if a := hands[0].assigned[p.Partition]; a.Offset != p.Offset {
			return fmt.Errorf("%s goes on at %d, and %d was committed", named(hands[0].config, p.Partition), a.Offset, p.Offset)
		}
	}
	return nil
}

func commitsUntilDone(t *trial) error {
	_, _, err := letGo(t)
	return err
}

func letGoIsRefused(t *trial) error {
	first, revoked, err := letGo(t)
	if err != nil {
		return err
	}
	return refused(first, revoked, nil)
}

// letGo has a worker commit what it is to let go for a second one, let it go, and looks that the second goes on there.
func letGo(t *trial) (first *hand, revoked []connector.Position, err error) {
	hands, c, err := team(t, 1)
	if err != nil {
		return nil, nil, err
	}
	first = hands[0]
	for p := range first.assigned {
		if err := first.until("its records", first.has(p, 3)); err != nil {
			return nil, nil, err
		}
	}
	all := map[connector.Partition]connector.Position{}
	for p := range first.assigned {
		all[p] = first.position(p)
	}
	first.slow = true
	second, err := t.open(c)
	if err != nil {
		return nil, nil, err
	}
	asked := func() bool { return len(first.open) > 0 }
	if err := t.until("a revocation, since a second worker came", asked, first, second); err != nil {
		return nil, nil, err
	}
	if first.open[0].Kind != connector.Revoked {
		return nil, nil, fmt.Errorf("partitions are %s, since a second worker came", first.open[0].Kind)
	}
	for _, a := range first.open[0].Partitions {
		revoked = append(revoked, all[a.Partition])
	}
	for range 5 {
		if err := second.poll(0); err != nil {
			return nil, nil, err
		}
	}
	for _, p := range revoked {
		if _, has := second.assigned[p.Partition]; has {
			return nil, nil, fmt.Errorf("%s was assigned before its owner let it go", named(c, p.Partition))
		}
	}
	if err := first.commit(revoked...); err != nil {
		return nil, nil, fmt.Errorf("before it was let go: %w", err)
	}
	first.slow = false
	first.answer()
	moved := func() bool { return shared([]*hand{first, second}) }
	if err := t.until("what was let go at the second worker", moved, first, second); err != nil {
		return nil, nil, err
	}
	for _, p := range revoked {
		if a := second.assigned[p.Partition]; a.Offset != p.Offset {
			return nil, nil, fmt.Errorf("%s goes on at %d, and %d was committed when it was revoked", named(c, p.Partition), a.Offset, p.Offset)
		}
	}
	return first, revoked, nil
}

// refused checks that the first positions are refused, by name, and the others are stored.
func refused(h *hand, not, others []connector.Position) error {
	var told *connector.CommitError
	err := h.commit(append(slices.Clone(not), others...)...)
	if !errors.As(err, &told) {
		return fmt.Errorf("a commit of what is not the worker's: want a CommitError, got %w", orNone(err))
	}
	for _, p := range not {
		if !told.Has(p.Partition) {
			return fmt.Errorf("a commit of what is not the worker's: %s is not among those refused: %w", named(h.config, p.Partition), err)
		}
	}
	for _, p := range others {
		if told.Has(p.Partition) {
			return fmt.Errorf("a commit: %s is refused, and is the worker's: %w", named(h.config, p.Partition), err)
		}
	}
	return nil
}

var errNone = errors.New("no error")

func orNone(err error) error {
	if err == nil {
		return errNone
	}
	return err
}

func othersAreRefused(t *trial) error {
	hands, c, err := team(t, 2)
	if err != nil {
		return err
	}
	var own, others []connector.Position
	for p := range hands[0].assigned {
		if err := hands[0].until("its records", hands[0].has(p, 3)); err != nil {
			return err
		}
		own = append(own, hands[0].position(p))
	}
	for p := range hands[1].assigned {
		if err := hands[1].until("its records", hands[1].has(p, 3)); err != nil {
			return err
		}
		others = append(others, hands[1].position(p))
	}
	if err := refused(hands[0], others, own); err != nil {
		return err
	}
	return stored(t, c, own, others)
}

// stored checks what the group has committed.
func stored(t *trial, c connector.WorkerConfig, want, not []connector.Position) error {
	for _, p := range append(slices.Clone(want), not...) {
		stored := connector.Position{Offset: -1}
		if slices.Contains(want, p) {
			stored.Offset, stored.Metadata = p.Offset, p.Metadata
		}
		spec := c.Topics[p.Topic]
		committed, err := t.committed(c.Group, spec.Name, int(spec.Partitions))
		if err != nil {
			return err
		}
		if got := committed[p.Partition.Partition]; got.Offset != stored.Offset || got.Metadata != stored.Metadata {
			return fmt.Errorf("%s: %d is committed with %q, want %d with %q", named(c, p.Partition), got.Offset, got.Metadata, stored.Offset, stored.Metadata)
		}
	}
	return nil
}

func lostIsNotCommitted(t *trial) error {
	h, c, err := t.one("a", "b")
	if err != nil {
		return err
	}
	if err := h.until("the records", h.has(at(0, 0), 2)); err != nil {
		return err
	}
	first := connector.Position{Partition: at(0, 0), Offset: h.read[at(0, 0)][0].Offset + 1, Metadata: "one"}
	if err := h.commit(first); err != nil {
		return err
	}
	rest := h.position(at(0, 0))
	h.slow = true
	if err := t.Expel(h.Worker); err != nil {
		return fmt.Errorf("expel the worker: %w", err)
	}
	if err := h.until("the loss", func() bool { return len(h.open) > 0 }); err != nil {
		return err
	}
	if h.open[0].Kind != connector.Lost {
		return fmt.Errorf("partitions of a worker that was expelled are %s", h.open[0].Kind)
	}
	if err := refused(h, []connector.Position{rest}, nil); err != nil {
		return err
	}
	h.slow = false
	h.answer()
	if err := h.until("the partition again", h.owns(1)); err != nil {
		return err
	}
	if a := h.assigned[at(0, 0)]; a.Offset != first.Offset || a.Metadata != "one" {
		return fmt.Errorf("it came back at %d with %q, and %d was committed with %q before the loss", a.Offset, a.Metadata, first.Offset, "one")
	}
	if err := h.until("what was not committed", h.has(at(0, 0), 1)); err != nil {
		return err
	}
	if err := stored(t, c, []connector.Position{first}, nil); err != nil {
		return err
	}
	return same("after the loss", values(h.read[at(0, 0)]), []string{"b"})
}
