package main

import (
	"fmt"
	"os"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

const (
	round = 50_000 // records between two flushes: about what a core makes in 100 ms, halved
	slice = 500    // records a step
)

// side is one of two contestants. It takes records in order, and what it made is counted.
type side interface {
	take(records []connector.Record)
	flush()
	end()
	results() (windows, total int64)
}

// race gives both sides the same records, a round to each in turn, and returns how long each took. What they count must be the
// same.
func race(c contest) (mine, other time.Duration, results int64) {
	sides := [2]side{c.side(), c.other()}
	var took [2]time.Duration
	batch := make([]connector.Record, round)
	for from := 0; from < c.records; from += round {
		n := min(round, c.records-from)
		for i := range n {
			batch[i] = c.record(from + i)
		}
		for i := range sides {
			at := (i + from/round) % 2 // who begins changes
			began := time.Now()
			for done := 0; done < n; done += slice {
				sides[at].take(batch[done:min(done+slice, n)])
			}
			sides[at].flush()
			took[at] += time.Since(began)
		}
	}
	for i, s := range sides {
		began := time.Now()
		s.end()
		s.flush()
		took[i] += time.Since(began)
	}
	windows, total := sides[0].results()
	if c.comparable {
		if otherWindows, otherTotal := sides[1].results(); windows != otherWindows || total != otherTotal {
			fmt.Printf("FAIL %s: %d results of %d in all, the other side %d of %d\n", c.name, windows, total, otherWindows, otherTotal)
			os.Exit(1)
		}
	}
	return took[0], took[1], windows
}
