package kafka

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestAMemberThatJoinedAgainUnderANewIdMayNotGoOnWithWhatItHad(t *testing.T) {
	var m membership
	if err := m.joined("a", 3); err != nil {
		t.Fatal(err)
	}
	if err := m.joined("a", 0); err != nil {
		t.Errorf("a sync that changes nothing: %v", err)
	}
	if err := m.check("b"); !errors.Is(err, kerr.UnknownMemberID) {
		t.Errorf("a commit under another id: %v", err)
	}
	if err := m.joined("b", 1); !errors.Is(err, ErrThrownOut) {
		t.Errorf("joined under another id with partitions held: %v", err)
	}
	if m.left("b", 3) {
		t.Error("partitions taken away under another id are still this member's")
	}
	if err := m.joined("b", 1); err != nil {
		t.Errorf("joined under another id with nothing held: %v", err)
	}
	if err := m.check("b"); err != nil {
		t.Errorf("a commit under the id of the partitions: %v", err)
	}
	if !m.left("b", 1) {
		t.Error("partitions taken away under the same id are another's")
	}
}
