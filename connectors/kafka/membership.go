package kafka

import (
	"errors"
	"sync"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// membership knows under which id the group gave this worker its partitions. A member that holds a batch longer than the rebalance
// time-out is thrown out. When it wakes up, the client may join again under a new id before it has heard of that, and go on with
// partitions that others have had meanwhile: what was reached under the old id must not be committed under the new one.
type membership struct {
	mu   sync.Mutex // guards what follows: callbacks of the client and commits use it
	id   string     // "": no partitions
	held map[connector.Partition]bool
}

// ErrThrownOut: the group gave this member's partitions to others while it was busy.
var ErrThrownOut = errors.New("the group threw this member out, since a function of the application held it longer than the rebalance time-out: make the function faster, or let it give up in time; start again")

// errNotHeld refuses a commit for a partition that the worker has not. Brokers only ask whether a member of the group commits.
var errNotHeld = errors.New("the partition is not this worker's")

// joined notes partitions given to a member id. It returns ErrThrownOut where others are still held under another id.
func (m *membership) joined(id string, added []connector.Partition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.held) > 0 && m.id != id {
		return ErrThrownOut
	}
	if m.held == nil {
		m.held = map[connector.Partition]bool{}
	}
	m.id = id
	for _, p := range added {
		m.held[p] = true
	}
	return nil
}

// is says whether the partitions held are the member's of that id.
func (m *membership) is(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id == id
}

// left notes that partitions are gone.
func (m *membership) left(gone []connector.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range gone {
		delete(m.held, p)
	}
}

// divide tells positions of partitions that are held from others.
func (m *membership) divide(positions []connector.Position) (held, others []connector.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range positions {
		if m.held[p.Partition] {
			held = append(held, p)
		} else {
			others = append(others, p)
		}
	}
	return held, others
}

// check refuses a commit under another id than that of the partitions.
func (m *membership) check(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id != id {
		return kerr.UnknownMemberID
	}
	return nil
}

func memberID(cl *kgo.Client) string {
	id, _ := cl.GroupMetadata()
	return id
}
