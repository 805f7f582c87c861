package driver_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// sim is a cluster in memory for simulations: topics, one consumer group, and connectors that reach them, all on the
// fake clock of a synctest bubble. What goes wrong, and when, follows from the seed and from the order in which
// goroutines come to it.
type sim struct {
	seed   uint64
	faults simFaults
	plant  plant
	ctx    context.Context // ends with the simulation

	mu        sync.Mutex // guards what follows and the state of members; never held over a call to the driver
	rng       *rand.Rand
	topics    map[string][]*simLog
	committed map[simPlace]connector.Position
	group     simGroup
	onCommit  func(places []simPlace) // called with mu held, if set; so is the next
	onAck     func(at simPlace, r *simRecord)
	wrong     []violation
	hits      map[string]int             // how often each fault came true
	refuse    string                     // the next write to this topic is refused for good
	ahead     int64                      // records that repartition topics seem to hold beyond their end
	wiped     bool                       // metadata of commits was: times are not what records say any more
	rejoin    time.Duration              // how long a member is away that lost what it had
	stuck     map[simPlace]bool          // nothing is fetched from these
	slow      map[simPlace]time.Duration // between two fetches of these
	restoring time.Duration              // how long a restoration takes
}

// simFaults are chances of what may go wrong, each from 0 to 1.
type simFaults struct {
	commitRefused float64       // the answer is a temporary error; in half of the cases the offsets are stored
	notNow        float64       // a partition's offset is refused, though it stays the member's: a rebalance is under way
	adminFails    float64       // a temporary error
	ack           time.Duration // the longest delay of a write, once more of its acknowledgement
	fetch         time.Duration // the longest delay of a fetch
	hole          float64       // an offset that is taken by a marker, or by nothing that a reader sees
}

// simPlace names a partition by the topic's name.
type simPlace struct {
	topic     string
	partition int32
}

func (p simPlace) String() string { return fmt.Sprintf("%s/%d", p.topic, p.partition) }

// simLog is a partition. A record's offset is its index.
type simLog struct {
	at      simPlace
	records []simRecord
	start   int64 // below it records were purged
}

type simRecord struct {
	time       int64
	key, value []byte
	headers    []connector.Header
	control    bool // a marker
	hidden     bool // takes an offset and is never read: a record of an aborted transaction
	acked      bool
}

func (l *simLog) end() int64 { return int64(len(l.records)) }

// violation is a broken invariant.
type violation struct{ invariant, what string }

// invariants, by the names under which planted bugs are expected to be found.
const (
	commitsFollowAcks   = "a commit is never ahead of acknowledged outputs"
	commitsAreOwners    = "only owners commit"
	timesGoWithOffsets  = "operator time is committed with the offset that it belongs to"
	memoryIsBounded     = "memory is bounded"
	lagGoesToZero       = "lag goes to zero"
	countsAreNotTooLow  = "counts are never too low"
	gracefulIsExact     = "graceful moves change nothing"
	orderPerKeyIsKept   = "the order per key is kept"
	bytesStayUntilAcked = "bytes written stay as they are until acknowledged"
	recycledOnce        = "records are recycled once"
	purgesFollowCommits = "a purge is never ahead of commits"
	runEndsWell         = "a run ends without an error that was not injected"
	nothingIsLeft       = "no goroutine is left"
)

// plant is a bug to be planted, so that an invariant can be seen to fail.
type plant string

const (
	plantNone        plant = ""
	plantEarlyAck    plant = "writes are acknowledged before they are stored"
	plantHideRevoke  plant = "the worker is not told of a revoke"
	plantUnasked     plant = "a worker gets more than it asks for"
	plantOldPause    plant = "a pause survives a rebalance"
	plantNoRestore   plant = "stores are not restored"
	plantNoCommit    plant = "a commit at a revoke is not stored"
	plantReorder     plant = "writes of a partition overtake each other"
	plantLeak        plant = "a closed worker leaves a goroutine"
	plantEarlyPurge  plant = "a purge goes beyond what is committed"
	plantNoMarkers   plant = "markers are not shown to the worker"
	plantReusedBytes plant = "bytes are reused before the acknowledgement"
)

func newSim(ctx context.Context, seed uint64) *sim {
	s := &sim{
		seed: seed, ctx: ctx, rng: rand.New(&lockedSource{of: rand.NewPCG(seed, 1)}), topics: map[string][]*simLog{},
		committed: map[simPlace]connector.Position{}, hits: map[string]int{},
	}
	s.group = simGroup{sim: s, owner: map[int]*member{}, leaving: map[int]bool{}}
	return s
}

// violate notes a broken invariant; s.mu is held.
func (s *sim) violate(invariant, format string, args ...any) {
	s.trace("VIOLATION %s: %s", invariant, fmt.Sprintf(format, args...))
	if len(s.wrong) < 20 {
		s.wrong = append(s.wrong, violation{invariant, fmt.Sprintf(format, args...)})
	}
}

// trace says what happens, with -sim.log.
func (s *sim) trace(format string, args ...any) {
	if *simVerbose {
		fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format("04:05.000"), fmt.Sprintf(format, args...))
	}
}

// lockedSource is drawn from by the simulation and by tests.
type lockedSource struct {
	mu sync.Mutex
	of rand.Source
}

func (l *lockedSource) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of.Uint64()
}

// chance says yes with probability p.
func (s *sim) chance(p float64) bool { return p > 0 && s.rng.Float64() < p }

// upTo returns a random duration, one time in three 0.
func (s *sim) upTo(d time.Duration) time.Duration {
	if d <= 0 || s.rng.IntN(3) == 0 {
		return 0
	}
	return time.Duration(s.rng.Int64N(int64(d)))
}

// create makes a topic; s.mu is held.
func (s *sim) create(name string, partitions int32) {
	for p := range partitions {
		s.topics[name] = append(s.topics[name], &simLog{at: simPlace{name, p}})
	}
}

// log returns a partition; s.mu is held.
func (s *sim) log(at simPlace) *simLog { return s.topics[at.topic][at.partition] }

// append adds a record, maybe with a hole before it, and returns its offset; s.mu is held.
func (s *sim) append(at simPlace, r simRecord) int64 {
	l := s.log(at)
	for s.chance(s.faults.hole) {
		s.hits["hole"]++
		l.records = append(l.records, simRecord{hidden: true}, simRecord{control: true})
	}
	l.records = append(l.records, r)
	if c, told := r.told(); told {
		s.trace("%s@%d: %+v", at, l.end()-1, c)
	}
	s.group.notify()
	return l.end() - 1
}

// produce adds a record from outside.
func (s *sim) produce(at simPlace, r simRecord) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.acked = true
	return s.append(at, r)
}

// read returns the records that a reader sees from an offset on, at most about limit bytes and until the log's end, and
// the next offset. Their memory is the reader's; s.mu is held.
func (l *simLog) read(from, limit int64, markers bool) (records []connector.Record, bytes, next int64) {
	for next = max(from, l.start); next < l.end() && bytes < limit; next++ {
		r := &l.records[next]
		if r.hidden || r.control && !markers {
			continue
		}
		records = append(records, connector.Record{
			Offset: next, Time: r.time, Key: clone(r.key), Value: clone(r.value), Headers: cloneHeaders(r.headers), Control: r.control,
		})
		bytes += int64(len(r.key)+len(r.value)) + 64
	}
	return records, bytes, next
}

func cloneHeaders(headers []connector.Header) []connector.Header {
	headers = slices.Clone(headers)
	for i := range headers {
		headers[i].Value = clone(headers[i].Value)
	}
	return headers
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// scribble overwrites what was recycled: whoever kept it shows.
func scribble(records []connector.Record) {
	for _, r := range records {
		copy(r.Key, bytes.Repeat([]byte{0xee}, len(r.Key)))
		copy(r.Value, bytes.Repeat([]byte{0xee}, len(r.Value)))
		for _, h := range r.Headers {
			copy(h.Value, bytes.Repeat([]byte{0xee}, len(h.Value)))
		}
	}
}

// uncommitted returns the records with a value that a group has not committed of a topic.
func (s *sim) uncommitted(topic string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.topics[topic] {
		for _, r := range l.records[max(l.start, s.committed[l.at].Offset):] {
			if r.data() {
				n++
			}
		}
	}
	return n
}

// lag returns the offsets that a group has not committed of a topic; s.mu is held.
func (s *sim) lag(topic string) (lag int64) {
	for _, l := range s.topics[topic] {
		lag += l.end() - max(l.start, s.committed[l.at].Offset)
	}
	return lag
}
