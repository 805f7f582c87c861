package frameworktest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

func adminChecks() []check {
	return []check{
		{name: "topics are told with their partitions, and one that is missing is told", run: topicsAreTold},
		{name: "a topic that exists is left as it is", run: createsOnce},
		{name: "the admin tells what is committed", run: tellsCommitted},
		{name: "the admin tells who reads what", run: tellsOwners},
		{name: "a bounded run comes to the ends", run: boundedEnds},
		{name: "closing the admin twice is safe", run: closesAdminTwice},
	}
}

func topicsAreTold(t *trial) error {
	h, err := writer(t, 1)
	if err != nil {
		return err
	}
	two, err := t.source("two", 2)
	if err != nil {
		return err
	}
	two.Partitions = 0
	missing := t.repartition(0)
	infos, err := t.admin.Topics(t.ctx, []connector.TopicSpec{two, missing, h.config.Topics[0]})
	if err != nil {
		return fmt.Errorf("describe the topics: %w", err)
	}
	want := []connector.TopicInfo{{Name: two.Name, Partitions: 2}, {Name: missing.Name}, {Name: h.config.Topics[0].Name, Partitions: 1}}
	if !slices.Equal(infos, want) {
		return fmt.Errorf("the topics are told as %v, want %v", infos, want)
	}
	gone := connector.TopicSpec{Name: two.Name + "missing", Role: connector.RoleSource}
	infos, err = t.admin.Topics(t.ctx, []connector.TopicSpec{gone})
	if err == nil && (len(infos) != 1 || infos[0].Partitions != 0) {
		return fmt.Errorf("a source that does not exist is told as %v: want no partitions, or an error that says what to do", infos)
	}
	return nil
}

func createsOnce(t *trial) error {
	h, _, err := repartitioning(t)
	if err != nil {
		return err
	}
	if err := words(h, "a"); err != nil {
		return err
	}
	if err := t.admin.Create(t.ctx, []connector.TopicSpec{t.repartition(1)}); err != nil {
		return fmt.Errorf("create it again: %w", err)
	}
	if err := words(h, "b"); err != nil {
		return err
	}
	if err := h.until("both records", h.has(at(1, 0), 2)); err != nil {
		return err
	}
	return same("the topic", values(h.read[at(1, 0)]), []string{"a", "b"})
}

func tellsOwners(t *trial) error {
	source, err := t.source("in", 2)
	if err != nil {
		return err
	}
	h, err := t.open(t.graph(source))
	if err != nil {
		return err
	}
	if err := h.until("both partitions", h.owns(2)); err != nil {
		return err
	}
	var owners map[string]map[int32]string
	told := func(want ...string) func() bool {
		return func() bool {
			if owners, err = t.admin.Owners(t.ctx, t.Application); errors.Is(err, connector.ErrTemporary) {
				err = nil
				return false
			}
			return err != nil || slices.Equal([]string{owners[source.Name][0], owners[source.Name][1]}, want)
		}
	}
	if waited := h.until("the admin to tell that the worker's process has both", told(h.config.Process, h.config.Process)); waited != nil || err != nil {
		return errors.Join(err, waited, fmt.Errorf("it tells %v", owners))
	}
	if err := h.close(); err != nil {
		return err
	}
	for deadline := time.Now().Add(t.author.Patience); !told("", "")(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("after the worker has left the admin tells %v", owners)
		}
	}
	return err
}

func tellsCommitted(t *trial) error {
	source, err := t.source("in", 2)
	if err != nil {
		return err
	}
	for p := range int32(2) {
		if err := t.put(source.Name, p, "a"); err != nil {
			return err
		}
	}
	c := t.graph(source, t.sink("out", 1))
	h, err := t.open(c)
	if err != nil {
		return err
	}
	for p := range int32(2) {
		if err := h.until("the records", h.has(at(0, p), 1)); err != nil {
			return err
		}
	}
	first, second := h.position(at(0, 0)), h.position(at(0, 1))
	second.Metadata = "times of 1"
	if err := stored(t, c, nil, []connector.Position{first, second}); err != nil {
		return err
	}
	if err := h.commit(second); err != nil {
		return err
	}
	if err := stored(t, c, []connector.Position{second}, []connector.Position{first}); err != nil {
		return err
	}
	c.Group = t.Application + "-another"
	another, err := t.open(c)
	if err != nil {
		return err
	}
	if err := another.until("both partitions at another application", another.owns(2)); err != nil {
		return err
	}
	if a := another.assigned[at(0, 1)]; a.Offset >= second.Offset {
		return fmt.Errorf("another application begins at %d, where the first one is", a.Offset)
	}
	return stored(t, c, nil, []connector.Position{first, second})
}

func boundedEnds(t *trial) error {
	source, err := t.source("in", 2)
	if err != nil {
		return err
	}
	if err := t.put(source.Name, 0, "a", "b", "c"); err != nil {
		return err
	}
	c := t.graph(source, t.sink("out", 1))
	c.Bounded = true
	h, err := t.open(c)
	if err != nil {
		return err
	}
	ends, err := t.ends(source.Name, 2)
	if err != nil {
		return err
	}
	if err := h.until("both partitions", h.owns(2)); err != nil {
		return err
	}
	for p, end := range ends {
		reached := func() bool { return h.position(at(0, int32(p))).Offset >= end }
		if err := h.until(fmt.Sprintf("the position %d, which is the end of partition %d", end, p), reached); err != nil {
			return fmt.Errorf("at %d: %w", h.position(at(0, int32(p))).Offset, err)
		}
	}
	return same("in all", values(h.read[at(0, 0)]), []string{"a", "b", "c"})
}

func closesAdminTwice(t *trial) error {
	admin, err := t.Connector.Admin(t.ctx)
	if err != nil {
		return err
	}
	return errors.Join(admin.Close(), admin.Close())
}
