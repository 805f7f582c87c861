package kafka

import (
	"errors"
	"testing"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
)

func TestAMemberThatJoinedAgainUnderANewIdMayNotGoOnWithWhatItHad(t *testing.T) {
	var m membership
	three, one := parts(0, 1, 2), parts(0)
	if err := m.joined("a", three); err != nil {
		t.Fatal(err)
	}
	if err := m.joined("a", nil); err != nil {
		t.Errorf("a sync that changes nothing: %v", err)
	}
	if err := m.check("b"); !errors.Is(err, kerr.UnknownMemberID) {
		t.Errorf("a commit under another id: %v", err)
	}
	if err := m.joined("b", one); !errors.Is(err, ErrThrownOut) {
		t.Errorf("joined under another id with partitions held: %v", err)
	}
	if m.is("b") {
		t.Error("partitions taken away under another id are still this member's")
	}
	m.left(three)
	if err := m.joined("b", one); err != nil {
		t.Errorf("joined under another id with nothing held: %v", err)
	}
	if err := m.check("b"); err != nil {
		t.Errorf("a commit under the id of the partitions: %v", err)
	}
	if !m.is("b") {
		t.Error("partitions taken away under the same id are another's")
	}
}

func TestPositionsOfPartitionsThatAreNotHeldAreToldApart(t *testing.T) {
	var m membership
	if err := m.joined("a", parts(0, 1)); err != nil {
		t.Fatal(err)
	}
	m.left(parts(1))
	held, others := m.divide([]connector.Position{{Partition: parts(0)[0]}, {Partition: parts(1)[0]}, {Partition: parts(2)[0]}})
	if len(held) != 1 || held[0].Partition != parts(0)[0] || len(others) != 2 {
		t.Errorf("held %v, others %v", held, others)
	}
}

func parts(numbers ...int32) (partitions []connector.Partition) {
	for _, n := range numbers {
		partitions = append(partitions, connector.Partition{Partition: n})
	}
	return partitions
}
