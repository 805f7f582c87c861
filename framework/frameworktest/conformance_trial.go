package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
)

// trial is one check of a connector at work, on a place of its own.
type trial struct {
	Place
	author Connector
	ctx    context.Context
	log    *slog.Logger
	admin  connector.Admin
	hands  []*hand // all that were opened
}

// complete says what the author has left out.
func (t *trial) complete(k check) error {
	if t.Application == "" {
		t.Application = "conformance"
	}
	if t.Sink == nil {
		t.Sink = func(name string) string { return name }
	}
	if t.Connector == nil || t.Source == nil || t.Put == nil || t.Take == nil {
		return errors.New("frameworktest.Place needs Connector, Source, Put and Take")
	}
	for _, f := range k.needs {
		if f == Expelling && t.Expel == nil || f == Reopening && t.Reopen == nil {
			return fmt.Errorf("frameworktest.Place has nothing for %q: set it, or say in Connector.Without why it cannot be done", f)
		}
	}
	return nil
}

// end closes what the check has left open.
func (t *trial) end() error {
	var faults []error
	for _, h := range t.hands {
		faults = append(faults, h.close())
	}
	return errors.Join(append(faults, t.endAdmin())...)
}

func (t *trial) endAdmin() error {
	if t.admin == nil {
		return nil
	}
	err := t.admin.Close()
	t.admin = nil
	return err
}

// repartition and changelog are internal topics of the application.
func (t *trial) repartition(partitions int32) connector.TopicSpec {
	spec := driver.RepartitionSpec(t.Application + "-words-repartition")
	spec.Partitions = partitions
	return spec
}

func (t *trial) changelog(partitions int32) connector.TopicSpec {
	spec := driver.ChangelogSpec(t.Application + "-counts-changelog")
	spec.Partitions = partitions
	return spec
}

// source makes a source and describes it.
func (t *trial) source(name string, partitions int32) (connector.TopicSpec, error) {
	topic, err := t.Source(name, partitions)
	if err != nil {
		return connector.TopicSpec{}, fmt.Errorf("make source %s: %w", name, err)
	}
	return connector.TopicSpec{Name: topic, Partitions: partitions, Role: connector.RoleSource}, nil
}

func (t *trial) sink(name string, partitions int32) connector.TopicSpec {
	return connector.TopicSpec{Name: t.Sink(name), Partitions: partitions, Role: connector.RoleSink}
}

// graph describes an application over topics, each read one a task of its own, if it is to be read.
func (t *trial) graph(topics ...connector.TopicSpec) connector.WorkerConfig {
	c := connector.WorkerConfig{Group: t.Application, Process: "first", Topics: topics, Budget: 8 << 20, MaxWrite: 8 << 20, Hash: 1, Logger: t.log}
	for i, spec := range topics {
		if spec.Role&(connector.RoleSource|connector.RoleRepartition) != 0 {
			c.Sources = append(c.Sources, connector.Source{Topic: int32(i)})
			c.Groups = append(c.Groups, []int32{int32(i)})
		}
	}
	return c
}

// prepare does what an application does at its start: it looks for the topics and creates those that are missing.
func (t *trial) prepare(c *connector.WorkerConfig) error {
	if t.admin == nil {
		var err error
		if t.admin, err = t.Connector.Admin(t.ctx); err != nil {
			return fmt.Errorf("open the admin: %w", err)
		}
	}
	infos, err := t.admin.Topics(t.ctx, c.Topics)
	if err != nil {
		return fmt.Errorf("describe the topics: %w", err)
	}
	var missing []connector.TopicSpec
	for i, spec := range c.Topics {
		if infos[i].Partitions == 0 {
			missing = append(missing, spec)
		} else {
			c.Topics[i].Partitions = infos[i].Partitions
		}
	}
	if err := t.admin.Create(t.ctx, missing); err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}

// open starts a worker of the application.
func (t *trial) open(c connector.WorkerConfig) (*hand, error) { return t.openVia(t.Connector, c) }

func (t *trial) openVia(via connector.Connector, c connector.WorkerConfig) (*hand, error) {
	if err := t.prepare(&c); err != nil {
		return nil, err
	}
	w, err := via.Open(t.ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open a worker: %w", err)
	}
	h := newHand(t, w, c)
	t.hands = append(t.hands, h)
	return h, nil
}

// put appends one record a value, a second apart from the epoch on.
func (t *trial) put(topic string, partition int32, values ...string) error {
	var records []connector.Record
	for i, v := range values {
		records = append(records, connector.Record{Time: int64(i) * 1000, Value: []byte(v)})
	}
	if err := t.Put(topic, partition, records...); err != nil {
		return fmt.Errorf("put into topic %s, partition %d: %w", topic, partition, err)
	}
	return nil
}

// one opens a worker that reads a new source of one partition with these values, and resumes what it gets.
func (t *trial) one(values ...string) (*hand, connector.WorkerConfig, error) {
	source, err := t.source("in", 1)
	if err == nil {
		err = t.put(source.Name, 0, values...)
	}
	if err != nil {
		return nil, connector.WorkerConfig{}, err
	}
	c := t.graph(source, t.sink("out", 1))
	h, err := t.open(c)
	return h, c, err
}

// until polls with the hands in turn until what is waited for has come.
func (t *trial) until(what string, come func() bool, hands ...*hand) error {
	deadline := time.Now().Add(t.author.Patience)
	for !come() {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: it has not come within %s", what, t.author.Patience)
		}
		for _, h := range hands {
			if err := h.poll(20 * time.Millisecond); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
	return nil
}

// patiently calls something until it has another error than a temporary one, or none.
func (t *trial) patiently(what string, call func() error) error {
	deadline := time.Now().Add(t.author.Patience)
	for {
		err := t.soon(what, call)
		if err == nil {
			return nil
		}
		if !errors.Is(err, connector.ErrTemporary) || time.Now().After(deadline) {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// ends returns the ends of a topic's partitions.
func (t *trial) ends(topic string, partitions int) (ends []int64, err error) {
	return byPartition(t, "ask for the ends", topic, partitions, func() ([][]int64, error) { return t.admin.Ends(t.ctx, []string{topic}) })
}

// committed returns what a group has committed of a topic's partitions.
func (t *trial) committed(group, topic string, partitions int) (positions []connector.Position, err error) {
	return byPartition(t, "ask for the committed offsets", topic, partitions, func() ([][]connector.Position, error) {
		return t.admin.Committed(t.ctx, group, []string{topic})
	})
}

func byPartition[T any](t *trial, what, topic string, partitions int, ask func() ([][]T, error)) (all []T, err error) {
	var answer [][]T
	err = t.patiently(what, func() error {
		var err error
		answer, err = ask()
		return err
	})
	if err == nil && (len(answer) != 1 || len(answer[0]) != partitions) {
		err = fmt.Errorf("%s: the answer for topic %s with %d partitions is %v", what, topic, partitions, answer)
	}
	if err != nil {
		return nil, err
	}
	return answer[0], nil
}

// soon calls something that must return within the patience.
func (t *trial) soon(what string, call func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- call() }() // waited for below, unless it hangs, which is an error
	select {
	case err := <-ended:
		return err
	case <-time.After(t.author.Patience):
		return fmt.Errorf("%s: it has not returned within %s", what, t.author.Patience)
	}
}
