package driver_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// heldLines follows what a graph must have done with its lines. Its methods run with sim.mu held.
type heldLines struct {
	sim   *sim
	graph heldGraph
	keys  map[string]int // lines produced, by key

	out     map[string]bool  // lines that are in an acknowledged record
	partial map[string]int64 // lines in acknowledged partial counts, by group
	counted map[string]int64 // highest acknowledged count, by key
	needed  map[string]int64 // lines below the committed offsets, by key or group
	checked map[simPlace]int64
}

func watchLines(s *sim, g heldGraph) *heldLines {
	l := &heldLines{
		sim: s, graph: g, keys: map[string]int{}, out: map[string]bool{}, partial: map[string]int64{}, counted: map[string]int64{},
		needed: map[string]int64{}, checked: map[simPlace]int64{},
	}
	s.onCommit, s.onAck = l.commit, l.ack
	return l
}

func (l *heldLines) produce() {
	s := l.sim
	s.mu.Lock()
	key := fmt.Sprintf("l%d", s.rng.IntN(4))
	l.keys[key]++
	line := fmt.Sprintf("%s:%d", key, l.keys[key])
	at := simPlace{simLines, engine.PartitionOf([]byte(key), int32(len(s.topics[simLines])))}
	t := time.Now().UnixMilli() - s.rng.Int64N(1000)
	s.mu.Unlock()
	s.produce(at, simRecord{time: t, key: []byte(key), value: []byte(line)})
}

func (l *heldLines) ack(at simPlace, r *simRecord) {
	switch {
	case at.topic == simCopies:
		for line := range strings.FieldsSeq(string(r.value)) {
			id, _, _ := strings.Cut(line, "#")
			l.out[id] = true
		}
	case at.topic == simCounts:
		l.counted[string(r.key)] = max(l.counted[string(r.key)], number(r.value))
	case strings.HasSuffix(at.topic, "-repartition"):
		l.partial[string(r.key)] += number(r.value)
	}
}

// commit checks that all that follows from lines below the committed offsets is acknowledged.
func (l *heldLines) commit(places []simPlace) {
	s, g := l.sim, l.graph
	for _, at := range places {
		if at.topic != simLines {
			continue
		}
		to := max(l.checked[at], s.committed[at].Offset)
		for _, r := range s.log(at).records[l.checked[at]:to] {
			if !r.data() {
				continue
			}
			if g.lines && !l.out[string(r.value)] {
				s.violate(commitsFollowAcks, "%s is committed at %d and %s is still kept", at, to, r.value)
			}
			if g.groups != nil {
				l.needed[g.groups(string(r.key), string(r.value))]++
			}
		}
		l.checked[at] = to
	}
	done := l.counted
	if g.inner != nil {
		done = l.partial
	}
	for key, n := range l.needed {
		if done[key] < n {
			s.violate(commitsFollowAcks, "%v committed: %d lines of %s are below, %d are counted", places, n, key, done[key])
		}
	}
}

// final compares the topics with all lines. A graceful run is exact.
func (l *heldLines) final(graceful bool) {
	if l.graph.lines {
		l.order(graceful)
	}
	if l.graph.groups == nil {
		return
	}
	want := map[string]int64{}
	for key, n := range l.keys {
		for i := range n {
			want[l.graph.groups(key, fmt.Sprintf("%s:%d", key, i+1))]++
		}
	}
	got := map[string]int64{}
	for _, log := range l.sim.topics[simCounts] {
		for _, r := range log.records {
			if r.data() {
				got[string(r.key)] = number(r.value)
			}
		}
	}
	for key, n := range want {
		switch {
		case got[key] < n:
			l.sim.violate(countsAreNotTooLow, "there are %d lines of %s and %d are counted", n, key, got[key])
		case graceful && got[key] > n:
			l.sim.violate(gracefulIsExact, "there are %d lines of %s and %d are counted", n, key, got[key])
		}
	}
}

// order: the lines of a key come in their order; where something was repeated, their first occurrences do.
func (l *heldLines) order(graceful bool) {
	next := map[string]int{}
	for _, log := range l.sim.topics[simCopies] {
		for _, r := range log.records {
			if !r.data() {
				continue
			}
			for line := range strings.FieldsSeq(string(r.value)) {
				l.next(next, line, graceful)
			}
		}
	}
	for key, n := range l.keys {
		if next[key] < n {
			l.sim.violate(countsAreNotTooLow, "of %d lines of %s came %d", n, key, next[key])
		}
	}
}

// next takes the next line that came out: "l1:7", or "l1:7#7" where lines are numbered.
func (l *heldLines) next(next map[string]int, line string, graceful bool) {
	id, folds, _ := strings.Cut(line, "#")
	key, count, _ := strings.Cut(id, ":")
	n, of := 0, 0
	fmt.Sscan(count, &n)
	fmt.Sscan(folds, &of)
	switch {
	case n == next[key]+1:
		next[key] = n
	case n > next[key]+1:
		if l.sim.hits["refused"] == 0 { // what was refused is missing until it is made anew
			l.sim.violate(orderPerKeyIsKept, "%s comes before %s:%d", line, key, next[key]+1)
		}
		next[key] = n
	case graceful:
		l.sim.violate(gracefulIsExact, "%s comes again", line)
	}
	switch {
	case !l.graph.scans:
	case of < n:
		l.sim.violate(countsAreNotTooLow, "%s was folded as number %d", id, of)
	case graceful && of > n:
		l.sim.violate(gracefulIsExact, "%s was folded as number %d", id, of)
	}
}
