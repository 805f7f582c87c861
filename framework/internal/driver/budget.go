package driver

import "sync/atomic"

// recordBytes is what a record that is written takes beside its key and value until it is acknowledged: about 300 bytes
// in the client, and its place here.
const recordBytes = 384

// Budget is the memory that the process may hold for records: bytes fetched and not done, plus bytes produced and not
// acknowledged. It is the one thing that workers share. All methods may be called from any goroutine.
type Budget struct {
	high, low int64 // over high partitions are paused, under low they are resumed
	unacked   int64 // over it workers stop stepping until the brokers have caught up

	fetched  atomic.Int64
	produced atomic.Int64
}

func newBudget(bytes int64) *Budget {
	return &Budget{high: bytes, low: bytes / 4 * 3, unacked: bytes / 4}
}

func (b *Budget) used() int64   { return b.fetched.Load() + b.produced.Load() }
func (b *Budget) tight() bool   { return b.used() > b.high }
func (b *Budget) relaxed() bool { return b.used() < b.low }

// blocked says that no record may be processed for now, since its outputs would come on top.
func (b *Budget) blocked() bool { return b.produced.Load() > b.unacked }

// weigh says once that stores in memory have outgrown the budget, which bounds records on their way: they would go on growing until the
// process has no memory.
func (s *shared) weigh() {
	if stored := s.counters.Stored(); stored > s.budget.high && s.heavy.CompareAndSwap(false, true) {
		s.log.Warn("stores take more memory than the budget: keep them on disk (StateDir), let their entries end (TTL), use more processes, or raise BudgetBytes", "stores", stored, "budget", s.budget.high)
	}
}

// Pause is a set of reasons for which a partition is not fetched. One reason's end does not undo another.
type Pause uint8

// The reasons for a pause.
const (
	PauseMemory     Pause = 1 << iota // the budget is used up
	PauseRestore                      // its task restores its stores
	PauseDownstream                   // the repartition topic behind it is too far behind
	PauseFailed                       // its task failed
	PauseEnded                        // of a bounded run: it is read to its end
	PauseAlignment                    // its event time is too far ahead of the others
	PauseReasons    = 6               // how many there are
)

var pauseNames = [PauseReasons]string{"memory", "restore", "downstream", "failed", "ended", "alignment"}

// PauseName returns the name of the i-th reason, for metrics.
func PauseName(i int) string { return pauseNames[i] }
