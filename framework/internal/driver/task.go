package driver

import (
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// task is a task that a worker owns, with the queues of its inputs.
type task struct {
	*engine.Task
	sub       int
	own       []uint32     // topics of the application's own that it writes, for what is committed
	inputs    []*partition // by input of the engine's task
	restoring map[connector.Partition]engine.Store
	restored  int64                         // entries that its stores got
	left      map[connector.Partition]int64 // offsets that are to be read yet, of changelogs of which that is known
	since     time.Time                     // when it was told last how far that is
	// changelogs are the topics of its stores, those behind first: by depth.
	changelogs []int32
	durable    map[int32]durable   // its stores that are on disk, by changelog topic
	began      map[int32]time.Time // when the restoration of one from the start of its changelog began
	failed     bool
	chunk      int         // records a step, so that one takes a few ms
	stages     []*stage    // running once the stores are restored
	unstage    func()      // ends them
	ports      []*portHost // where it is emitted into

	records int64 // counted so far
	drops   [engine.Reasons]int64
	told    int64 // control records counted so far
}

// partition is one source partition that a worker owns.
type partition struct {
	at     connector.Partition
	task   *task
	input  int
	queue  []connector.Run // fetched and not processed, in order
	next   int             // index of the next record in queue[0]
	bytes  int64           // of queue
	end    int64           // last stable offset as last heard, -1 unknown
	pauses Pause
	told   bool      // the client was told to pause
	ended  bool      // of a bounded run: it was read to its end, and is not read any further
	active time.Time // when it was last known to have records, or not to be read
	waits  time.Time // since when it is ahead of others

	flushed   int64 // position of the last round
	committed int64 // the offset committed last, or where it was assigned
	purged    int64 // the offset below which it was purged
}

// runs says that the task is whole: nothing failed, its stores are restored.
func (t *task) runs() bool { return !t.failed && len(t.restoring) == 0 }

const (
	sliceTime = 50 * time.Millisecond // processing between two polls
	chunkTime = 5 * time.Millisecond
	maxChunk  = 512
)

func (p *partition) empty() bool { return len(p.queue) == 0 }

func (p *partition) position() int64 { return p.task.Inputs()[p.input].Position() }

// lag returns how many offsets are still to be read, 0 if unknown.
func (p *partition) lag() int64 {
	if p.ended {
		return 0
	}
	return max(0, p.end-p.position())
}

// awaited says that the task's choice of the next record waits for this input: it is empty, records are on their way,
// and nothing but memory keeps them.
func (p *partition) awaited() bool {
	return p.empty() && p.lag() > 0 && p.pauses&^PauseMemory == 0
}

// choose returns the input to process next and how many of its records: those of the queue's first run that are not
// later than the head of any other queue. nil: nothing to do, or an input is awaited. One that is ahead of others waits.
func (t *task) choose() (*partition, int) {
	if t.Blocked() {
		return nil, 0
	}
	var best *partition
	var bestTime, bound int64
	several := false
	for _, p := range t.inputs {
		if p.empty() {
			if p.awaited() {
				return nil, 0
			}
			continue
		}
		if p.pauses&PauseAlignment != 0 {
			continue
		}
		if engine.IsControl(p.head()) { // the time of a control record is the clock's
			return p, 1
		}
		head := p.head().Time
		switch {
		case best == nil:
			best, bestTime = p, head
		case head < bestTime:
			best, bestTime, bound, several = p, head, bestTime, true
		case !several || head < bound:
			bound, several = head, true
		}
	}
	if best == nil {
		return nil, 0
	}
	records := best.queue[0].Records[best.next:]
	n := min(len(records), t.chunk)
	if several {
		for i := 1; i < n; i++ {
			if records[i].Time > bound {
				n = i
				break
			}
		}
	}
	return best, n
}

func (p *partition) head() *connector.Record { return &p.queue[0].Records[p.next] }

// pace sets the size of the next step by how long the last one took.
func (t *task) pace(n int, took time.Duration) {
	if took <= 0 || n == 0 {
		t.chunk = min(t.chunk*2, maxChunk)
		return
	}
	t.chunk = min(max(1, int(int64(n)*int64(chunkTime)/int64(took))), t.chunk*2, maxChunk)
}
