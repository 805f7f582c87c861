package driver

import (
	"sync/atomic"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Counters is what a running application counts, for metrics and progress. Workers add to it once a loop, anyone reads.
type Counters struct {
	In       atomic.Int64 // records processed
	Out      atomic.Int64 // records written, changelogs included
	Commits  atomic.Int64
	Aborts   atomic.Int64 // how often a worker went back to its last commit
	Controls atomic.Int64 // control records written: watermarks sent through repartition topics
	Restored atomic.Int64 // changelog records read at start and after rebalances
	Gap      atomic.Int64 // offsets skipped since their records were deleted before they were read
	Drops    [engine.Reasons]atomic.Int64
	Pauses   [PauseReasons]atomic.Int64

	Held   atomic.Int64                   // bytes of the budget in use, now
	lag    atomic.Pointer[[]atomic.Int64] // by worker: records between the position and the last stable offset
	stored atomic.Pointer[[]atomic.Int64] // by worker: bytes of stores in memory
}

// begin makes room for what workers count apart.
func (c *Counters) begin(workers int) {
	lag, stored := make([]atomic.Int64, workers), make([]atomic.Int64, workers)
	c.lag.Store(&lag)
	c.stored.Store(&stored)
}

// Stored returns about how many bytes the stores of this process take in memory.
func (c *Counters) Stored() int64 { return total(&c.stored) }

// Lag returns the records that are still to be read of the partitions of this process.
func (c *Counters) Lag() (lag int64) { return total(&c.lag) }

func total(of *atomic.Pointer[[]atomic.Int64]) (sum int64) {
	if byWorker := of.Load(); byWorker != nil {
		for i := range *byWorker {
			sum += (*byWorker)[i].Load()
		}
	}
	return sum
}
