package kafka

import (
	"errors"
	"testing"

	"github.com/millrace/millrace/framework/connector"
)

func TestRecordsDeletedUnderAReaderAreAGapWhereItIsSkipped(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a", "b", "c")
	c := config("in")
	c.Sources[0].SkipGap = true
	m := f.open(c)
	m.eager = false
	m.until("the partition", m.owns(1))
	if err := f.cluster.DeleteRecords("in", 0, 2); err != nil {
		t.Fatal(err)
	}
	m.Resume([]connector.Partition{at(0, 0)})
	m.until("what is left", m.has(at(0, 0), 1))
	if got := values(m.read[at(0, 0)]); got[0] != "c" {
		t.Errorf("read %q", got)
	}
	if m.skipped != 2 {
		t.Errorf("skipped to %d, want 2", m.skipped)
	}
}

func TestRecordsDeletedUnderAReaderAreANamedError(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a", "b", "c")
	m := f.open(config("in"))
	m.eager = false
	m.until("the partition", m.owns(1))
	if err := f.cluster.DeleteRecords("in", 0, 2); err != nil {
		t.Fatal(err)
	}
	m.Resume([]connector.Partition{at(0, 0)})
	if err := m.failed(); !errors.Is(err, connector.ErrGap) {
		t.Errorf("got %v", err)
	}
}
