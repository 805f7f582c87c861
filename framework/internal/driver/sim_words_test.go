package driver_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// The application under simulation: it copies the lines of two topics, and counts their words.
const (
	simLines       = "lines"
	simMore        = "more-lines"
	simCopies      = "copies"
	simCounts      = "word-counts"
	simRepartition = "sim-counts-repartition"
	simChangelog   = "sim-counts-changelog"
)

func simTopic(name string) framework.Topic[string, string] {
	return framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: name}, codec.String, codec.String)
}

// noKeys is simTopic for records without keys.
func noKeys(name string) framework.Topic[framework.None, string] {
	return framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: name}, codec.None, codec.String)
}

// wordsPlan returns the plan; each line takes the worker that long.
func wordsPlan(t *testing.T, slow time.Duration) *driver.Plan {
	t.Helper()
	topology := framework.New()
	lines := topology.From(simTopic(simLines)).Merge(topology.From(simTopic(simMore)))
	lines.Peek(func(string) {
		if slow > 0 {
			time.Sleep(slow)
		}
	}).To(simTopic(simCopies))
	counts := framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: simCounts}, codec.String, codec.Int64)
	lines.FlatMap(func(line string) []string { return strings.Fields(line)[1:] }).
		GroupBy(func(word string) string { return word }).
		Count("counts").
		Stream().
		To(counts)
	plan, err := topology.Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// words follows what the application must have done. Its methods run with sim.mu held.
type words struct {
	sim  *sim
	keys map[string]int // lines produced, by key

	copied    map[string]bool  // lines whose copy is acknowledged
	partials  map[string]int64 // words in acknowledged partial counts
	logged    map[string]int64 // highest acknowledged count in the changelog
	counted   map[string]int64 // the same in the sink
	checked   map[simPlace]int64
	needed    map[string]int64 // words in lines below the committed offsets
	delivered map[string]int64 // words in partial counts below the committed offsets
}

func watchWords(s *sim) *words {
	w := &words{
		sim: s, keys: map[string]int{}, copied: map[string]bool{}, partials: map[string]int64{}, logged: map[string]int64{},
		counted: map[string]int64{}, checked: map[simPlace]int64{}, needed: map[string]int64{}, delivered: map[string]int64{},
	}
	s.onCommit, s.onAck = w.commit, w.ack
	return w
}

var vocabulary = []string{"a", "river", "turns", "the", "wheel", "of", "mill", "and"}

// produce adds a line to one of the topics.
func (w *words) produce() {
	s := w.sim
	s.mu.Lock()
	topic := []string{simLines, simMore}[s.rng.IntN(2)]
	key := fmt.Sprintf("%.1s%d", topic, s.rng.IntN(5)) // of one topic only, which has an order
	w.keys[key]++
	line := fmt.Sprintf("%s:%d", key, w.keys[key])
	for range s.rng.IntN(6) {
		line += " " + vocabulary[min(s.rng.IntN(8), s.rng.IntN(8))]
	}
	at := simPlace{topic, engine.PartitionOf([]byte(key), int32(len(s.topics[topic])))}
	t := time.Now().UnixMilli() - s.rng.Int64N(1000)
	s.mu.Unlock()
	s.produce(at, simRecord{time: t, key: []byte(key), value: []byte(line)})
}

func (w *words) ack(at simPlace, r *simRecord) {
	switch at.topic {
	case simCopies:
		w.copied[lineID(r.value)] = true
	case simRepartition:
		w.partials[string(r.key)] += number(r.value)
	case simChangelog:
		w.logged[string(r.key)] = max(w.logged[string(r.key)], number(r.value))
	case simCounts:
		w.counted[string(r.key)] = max(w.counted[string(r.key)], number(r.value))
	}
}

func lineID(line []byte) string {
	id, _, _ := strings.Cut(string(line), " ")
	return id
}

// number reads a count. What a planted bug lets be overwritten is none.
func number(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

// commit checks that all that follows from records below the committed offsets is acknowledged.
func (w *words) commit(places []simPlace) {
	s := w.sim
	for _, at := range places {
		to := max(w.checked[at], s.committed[at].Offset) // going back is found elsewhere
		for _, r := range s.log(at).records[w.checked[at]:to] {
			switch {
			case !r.data():
			case at.topic == simLines || at.topic == simMore:
				if id := lineID(r.value); !w.copied[id] {
					s.violate(commitsFollowAcks, "%s is committed at %d and the copy of %s is not acknowledged", at, to, id)
				}
				for _, word := range strings.Fields(string(r.value))[1:] {
					w.needed[word]++
				}
			default:
				w.delivered[string(r.key)] += number(r.value)
			}
		}
		w.checked[at] = to
	}
	for _, word := range vocabulary {
		if w.partials[word] < w.needed[word] {
			s.violate(commitsFollowAcks, "%v committed: %d of %q are below, partial counts of %d are acknowledged", places, w.needed[word], word, w.partials[word])
		}
		if least := min(w.logged[word], w.counted[word]); least < w.delivered[word] {
			s.violate(commitsFollowAcks, "%v committed: %d of %q are below, counts of %d are acknowledged", places, w.delivered[word], word, least)
		}
	}
}

// final compares the topics with a batch count. A graceful run is exact.
func (w *words) final(graceful bool) {
	s := w.sim
	want := map[string]int64{}
	for _, l := range slices.Concat(s.topics[simLines], s.topics[simMore]) {
		for _, r := range l.records {
			if r.data() {
				for _, word := range strings.Fields(string(r.value))[1:] {
					want[word]++
				}
			}
		}
	}
	counts, logged := w.last(simCounts), w.last(simChangelog)
	for _, word := range vocabulary {
		for topic, n := range map[string]int64{simCounts: counts[word], simChangelog: logged[word]} {
			if n < want[word] {
				s.violate(countsAreNotTooLow, "%s has %d of %q, there are %d", topic, n, word, want[word])
			}
			if graceful && n != want[word] {
				s.violate(gracefulIsExact, "%s has %d of %q, there are %d", topic, n, word, want[word])
			}
		}
		if counts[word] != logged[word] {
			s.violate(countsAreNotTooLow, "%q: %d were emitted and %d are in the changelog", word, counts[word], logged[word])
		}
	}
	w.order(graceful)
}

// last returns the last value of each key of a topic.
func (w *words) last(topic string) map[string]int64 {
	last := map[string]int64{}
	for _, l := range w.sim.topics[topic] {
		for _, r := range l.records {
			if r.data() {
				last[string(r.key)] = number(r.value)
			}
		}
	}
	return last
}

// order: the copies of a key come in the order of the lines; where something was repeated, their first occurrences do.
func (w *words) order(graceful bool) {
	next := map[string]int{}
	for _, l := range w.sim.topics[simCopies] {
		for _, r := range l.records {
			if !r.data() {
				continue
			}
			key, n := string(r.key), 0
			fmt.Sscanf(lineID(r.value), key+":%d", &n)
			switch {
			case n == next[key]+1:
				next[key] = n
			case n > next[key]+1 && w.sim.hits["refused"] > 0: // what was refused is missing until it is made anew
				next[key] = n
			case n > next[key]+1:
				w.sim.violate(orderPerKeyIsKept, "line %d of %s is copied before line %d", n, key, next[key]+1)
				next[key] = n
			case graceful:
				w.sim.violate(gracefulIsExact, "line %d of %s is copied twice", n, key)
			}
		}
	}
	for key, n := range w.keys {
		if next[key] < n {
			w.sim.violate(countsAreNotTooLow, "%d lines of %s, %d copies", n, key, next[key])
		}
	}
}
