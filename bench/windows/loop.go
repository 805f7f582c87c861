package main

import (
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// loop is the other side: a map of counts for each window, as one writes it by hand. It writes nothing.
type loop struct {
	size, disorder int64
	open           map[int64]map[string]int64 // by start
	starts         []int64                    // of open, in order
	highest        int64
	windows, total int64
}

func newLoop(size, disorder time.Duration) *loop {
	return &loop{size: size.Milliseconds(), disorder: disorder.Milliseconds(), open: map[int64]map[string]int64{}}
}

func (l *loop) take(records []connector.Record) {
	for i := range records {
		r := &records[i]
		start := r.Time - r.Time%l.size
		counts := l.open[start]
		if counts == nil {
			counts = map[string]int64{}
			l.open[start] = counts
			at, _ := slices.BinarySearch(l.starts, start)
			l.starts = slices.Insert(l.starts, at, start)
		}
		counts[string(r.Key)]++
		l.highest = max(l.highest, r.Time)
		for len(l.starts) > 0 && l.starts[0]+l.size <= l.highest-l.disorder {
			l.close()
		}
	}
}

// close takes the results of the earliest window.
func (l *loop) close() {
	for _, n := range l.open[l.starts[0]] {
		l.windows++
		l.total += n
	}
	delete(l.open, l.starts[0])
	l.starts = l.starts[1:]
}

func (l *loop) flush() {}

func (l *loop) end() {
	for len(l.starts) > 0 {
		l.close()
	}
}

func (l *loop) results() (windows, total int64) { return l.windows, l.total }
