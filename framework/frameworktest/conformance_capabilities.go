package frameworktest

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
)

func capabilityChecks() []check {
	return []check{
		{name: "what a durable connector has committed is there for the next process", run: durable, needs: []Feature{Reopening}},
		{name: "an atomic connector shows nothing that is not committed", run: atomicHides},
		{name: "an atomic connector keeps outputs and positions as one", run: atomicAsOne, needs: []Feature{Reopening}},
		{name: "processes share the work, or the second one is refused", run: sharedOrRefused, needs: []Feature{Reopening}},
	}
}

// reopen ends this process, so to say, and begins the next one.
func (t *trial) reopen() error {
	if err := t.end(); err != nil {
		return err
	}
	t.hands = nil
	t.Connector = t.Reopen()
	return nil
}

func out(value string) connector.Out { return connector.Out{Topic: 1, Value: []byte(value)} }

func durable(t *trial) error {
	if !t.Connector.Capabilities().Durable {
		return skipped{"the connector is not durable"}
	}
	h, c, err := t.one("a", "b", "c")
	if err != nil {
		return err
	}
	if err := h.until("the records", h.has(at(0, 0), 3)); err != nil {
		return err
	}
	position := connector.Position{Partition: at(0, 0), Offset: h.read[at(0, 0)][1].Offset + 1, Metadata: "two"}
	if err := h.writeOpen(out("A"), out("B")); err != nil {
		return err
	}
	if err := h.commit(position); err != nil {
		return err
	}
	if err := t.reopen(); err != nil {
		return err
	}
	if h, err = t.open(c); err != nil {
		return err
	}
	if err := h.until("the rest", h.has(at(0, 0), 1)); err != nil {
		return err
	}
	if a := h.assigned[at(0, 0)]; a.Offset != position.Offset || a.Metadata != "two" {
		return fmt.Errorf("it goes on at %d with %q, and %d was committed with %q", a.Offset, a.Metadata, position.Offset, "two")
	}
	if err := stored(t, c, []connector.Position{position}, nil); err != nil {
		return err
	}
	if err := t.end(); err != nil {
		return err
	}
	return t.sinkHas("A", "B")
}

// sinkHas compares what a reader of the first partition of the sink sees.
func (t *trial) sinkHas(want ...string) error {
	got, err := t.Take(t.Sink("out"))
	if err != nil {
		return fmt.Errorf("read the sink: %w", err)
	}
	if len(got) == 0 {
		got = [][]connector.Record{nil}
	}
	return same("the sink", values(got[0]), want)
}

func atomicHides(t *trial) error {
	if !t.Connector.Capabilities().Atomic {
		return skipped{"the connector is not atomic"}
	}
	h, _, err := t.one("a", "b")
	if err != nil {
		return err
	}
	if err := h.until("the records", h.has(at(0, 0), 2)); err != nil {
		return err
	}
	if err := h.writeOpen(out("A")); err != nil {
		return err
	}
	if err := t.sinkHas(); err != nil {
		return fmt.Errorf("before the commit: %w", err)
	}
	if err := h.commit(h.position(at(0, 0))); err != nil {
		return err
	}
	if err := h.writeOpen(out("never committed")); err != nil {
		return err
	}
	if err := t.end(); err != nil {
		return err
	}
	return t.sinkHas("A")
}

// atomicAsOne writes a letter for each record that it reads; of each attempt only some is committed.
func atomicAsOne(t *trial) error {
	if !t.Connector.Capabilities().Atomic {
		return skipped{"the connector is not atomic"}
	}
	h, c, err := t.one(numbers("", 6)...)
	if err != nil {
		return err
	}
	for attempt := range 3 {
		if attempt > 0 {
			if err := t.reopen(); err != nil {
				return err
			}
			if h, err = t.open(c); err != nil {
				return err
			}
		}
		if err := h.until("the records that were not committed", h.has(at(0, 0), 6-2*attempt)); err != nil {
			return err
		}
		records := h.read[at(0, 0)]
		first, second := records[0], records[1]
		if err := h.writeOpen(out(string(first.Value)), out(string(second.Value))); err != nil {
			return err
		}
		if err := h.commit(connector.Position{Partition: at(0, 0), Offset: second.Offset + 1}); err != nil {
			return err
		}
		if attempt < 2 {
			if err := h.writeOpen(out(string(records[2].Value)), out("never committed")); err != nil {
				return err
			}
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	return t.sinkHas(numbers("", 6)...)
}

func sharedOrRefused(t *trial) error {
	can := t.Connector.Capabilities()
	if !can.Durable && !can.Shared {
		return skipped{"the connector is the process's own"}
	}
	source, err := t.source("in", 2)
	if err != nil {
		return err
	}
	c := t.graph(source, t.sink("out", 1))
	first, err := t.open(c)
	if err != nil {
		return err
	}
	if err := first.until("all partitions", first.owns(2)); err != nil {
		return err
	}
	c.Process, c.Index = "second", 0
	if !can.Shared {
		return t.refusesAnother(c)
	}
	second, err := t.openVia(t.Reopen(), c)
	if err != nil {
		return err
	}
	each := func() bool { return len(first.assigned) == 1 && len(second.assigned) == 1 }
	return t.until("a partition at each of two processes", each, first, second)
}

// refusesAnother tries to use a place that is in use.
func (t *trial) refusesAnother(c connector.WorkerConfig) error {
	other := t.Reopen()
	admin, err := other.Admin(t.ctx)
	if err != nil {
		return nil
	}
	w, err := other.Open(t.ctx, c)
	if err == nil {
		err = errors.Join(errors.New("a second process works on the same topics"), w.Close(t.ctx))
	} else {
		err = nil
	}
	return errors.Join(err, admin.Close())
}
