package kafka

import (
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// membership knows under which id the group gave this worker its partitions. A member that holds a batch longer than the rebalance
// time-out is thrown out. When it wakes up, the client may join again under a new id before it has heard of that, and go on with
// partitions that others have had meanwhile: what was reached under the old id must not be committed under the new one.
type membership struct {
	mu   sync.Mutex // guards what follows: callbacks of the client and commits use it
	id   string     // "": no partitions
	held int        // partitions
}

// ErrThrownOut: the group gave this member's partitions to others while it was busy.
var ErrThrownOut = errors.New("the group threw this member out, since a function of the application held it longer than the rebalance time-out: make the function faster, or let it give up in time; start again")

// joined notes partitions given to a member id. It returns ErrThrownOut where others are still held under another id.
func (m *membership) joined(id string, added int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held > 0 && m.id != id {
		return ErrThrownOut
	}
	m.id = id
	m.held += added
	return nil
}

// left notes partitions that are gone and says whether they still were this member's.
func (m *membership) left(id string, gone int) (ours bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = max(0, m.held-gone)
	return m.id == id
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
