package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Final results and late records are a function of what is in the source's partitions, and of nothing else: the same ones, to the byte
// and once each, whatever the partitions behind the source, the instances, the sizes of batches, what is folded and when, and
// wherever instances stop, begin and take over from each other.
func TestWindowsOnKafkaDoNotDependOnLuck(t *testing.T) {
	b := sharedBroker(t)
	began := time.Now()
	byLuck(t, b, number(t, "COMBINATIONS", 30), 4, false)
	t.Logf("%s", time.Since(began).Round(time.Second))
}

func TestWindowsOnTheEmbeddedBrokerDoNotDependOnLuck(t *testing.T) {
	server, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	byLuck(t, &broker{address: strings.Join(server.Addrs(), ",")}, 4, 2, false)
}

// combination is what must not matter.
type combination struct {
	inner     int // partitions of repartition topics
	instances int // at once, at most
	folding   folding
	batch     int   // records of a batch of the source
	fetch     int32 // bytes that are fetched of a partition at once
	portion   int   // records that are there before something happens
	workers   int
	commit    time.Duration
	seed      uint64 // of what happens
	exactly   bool   // once: instances are killed, and ends of transactions go wrong
}

// combinations returns n of them, which are all of partitions x instances x foldings where n is 27 or more; the rest is luck.
func combinations(rng *rand.Rand, n int) (all []combination) {
	first := rng.IntN(27)
	for i := range n {
		nth := first + 7*i // which leaps, so that a few are of all sorts
		all = append(all, combination{
			inner:     []int{1, 4, 16}[nth%3],
			instances: 1 + nth/3%3,
			folding:   folding(nth / 9 % int(foldings)),
			batch:     []int{1, 7, 50, 1000}[rng.IntN(4)],
			fetch:     []int32{200, 1 << 20}[rng.IntN(2)],
			portion:   []int{40, 100, 1000}[rng.IntN(3)],
			workers:   1 + rng.IntN(2),
			commit:    []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second}[rng.IntN(3)],
			seed:      rng.Uint64(),
		})
	}
	return all
}

// byLuck runs one input through n combinations, so many side by side, and returns what happened on the way.
func byLuck(t *testing.T, b *broker, n, beside int, exactly bool) (sum harms) {
	seed := uint64(number(t, "SEED", rand.Int()))
	t.Logf("SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	in := newPartitions(rng)
	want := expect(in)
	for want.lacks != "" { // some kind has nothing late
		in = newPartitions(rng)
		want = expect(in)
	}
	t.Log(want.summary)
	all := make(chan combination, n)
	for _, c := range combinations(rng, n) {
		if exactly {
			c.exactly = true
			c.commit = max(c.commit, shortestTransaction)
		}
		all <- c
	}
	close(all)
	var mu sync.Mutex // guards sum
	var running sync.WaitGroup
	for range beside {
		running.Go(func() {
			for c := range all {
				t.Run(fmt.Sprintf("%d-partitions-%d-instances-%s", c.inner, c.instances, c.folding), func(t *testing.T) {
					tr := newTrial(b.open(t, 5*time.Minute), c, in)
					t.Logf("SEED=%d %+v", seed, c)
					tr.run()
					tr.check(want)
					mu.Lock()
					defer mu.Unlock()
					sum.add(tr.harms)
				})
			}
		})
	}
	running.Wait()
	return sum
}

// outcome is what is in the topics in the end: lines, sorted.
type outcome struct {
	finals  []string
	late    []string
	updated map[string]string // the last update of each window
	twice   []string          // updates that came more than once; exactly once there are none, since each has one more record

	summary string // windows and late records by kind
	lacks   string // a kind of which the input shows nothing, or nothing late
}

// expect computes what must come out.
func expect(in partitions) (want outcome) {
	want.updated = map[string]string{}
	add := func(name string, each bool, show func([]int64) string, contents []content) {
		for _, c := range contents {
			line := shown(name, c.span, show(c.ids))
			if each {
				window, ids, _ := strings.Cut(line, "=")
				want.updated[c.key+" "+window] = ids
			} else {
				want.finals = append(want.finals, timed(c.key, line, c.at))
			}
		}
	}
	for _, k := range kinds {
		facts := in.facts()
		for i := range facts {
			facts[i].key = k.key(facts[i].id)
		}
		contents, late := k.rule(facts)
		show := list
		if k.sums {
			show = exact
		}
		add(k.name, k.each, show, contents)
		for _, r := range late {
			want.late = append(want.late, timed(r.key, shown(k.name, r.span, fmt.Sprint(r.id)), r.at))
		}
		if k.name == chained {
			add("chain", false, list, ofWindows(contents))
		}
		want.summary += fmt.Sprintf("%s: %d windows, %d late; ", k.name, len(contents), len(late))
		if len(contents) == 0 || len(late) == 0 && !k.counts {
			want.lacks = k.name
		}
	}
	slices.Sort(want.finals)
	slices.Sort(want.late)
	return want
}

// ofWindows returns the windows of windows' results, none of which is late.
func ofWindows(results []content) []content {
	var facts []fact
	of := map[int64][]int64{}
	for i, c := range results {
		facts = append(facts, fact{id: int64(i), at: c.at, birth: c.at, key: half(c.ids)})
		of[int64(i)] = c.ids
	}
	contents, _ := fixed(aligned(chainSize, chainSize, 0), 0)(facts)
	for i, c := range contents {
		contents[i].ids = nil
		for _, id := range c.ids {
			contents[i].ids = append(contents[i].ids, of[id]...)
		}
	}
	return contents
}

func timed(key, line string, at int64) string { return fmt.Sprintf("%s %s@%d", key, line, at) }

// outcome reads what came out.
func (tr *trial) outcome() (got outcome) {
	tr.c.t.Helper()
	got.updated = map[string]string{}
	seen := map[string]bool{}
	line := func(r *kgo.Record) string { return timed(string(r.Key), string(r.Value), r.Timestamp.UnixMilli()) }
	for _, r := range tr.c.reader(tr.results).read() {
		window, what, _ := strings.Cut(string(r.Value), "=")
		if !strings.HasPrefix(window, "updates ") {
			got.finals = append(got.finals, line(r))
			continue
		}
		if seen[line(r)] && what != gone {
			got.twice = append(got.twice, line(r))
		}
		seen[line(r)] = true
		if got.updated[string(r.Key)+" "+window] = what; what == gone {
			delete(got.updated, string(r.Key)+" "+window)
		}
	}
	for _, r := range tr.c.reader(tr.late).read() {
		got.late = append(got.late, line(r))
	}
	slices.Sort(got.finals)
	slices.Sort(got.late)
	return got
}

func (tr *trial) check(want outcome) {
	t := tr.c.t
	t.Helper()
	got := tr.outcome()
	differ(t, "final results", got.finals, want.finals)
	differ(t, "late records", got.late, want.late)
	differ(t, "last updates", lines(got.updated), lines(want.updated))
	if tr.of.exactly {
		differ(t, "updates that came twice", got.twice, nil)
	}
	tr.harms.Records = len(got.finals) + len(got.late) + len(got.updated)
	if !t.Failed() {
		tr.forget()
	}
}

func lines(of map[string]string) (lines []string) {
	for window, ids := range of {
		lines = append(lines, window+"="+ids)
	}
	slices.Sort(lines)
	return lines
}

// differ fails the test where two sorted lists are not the same, and shows the first lines that only one of them has.
func differ(t *testing.T, what string, got, want []string) {
	t.Helper()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("%d %s, want %d", len(got), what, len(want))
	count := map[string]int{}
	for _, line := range got {
		count[line]++
	}
	for _, line := range want {
		count[line]--
	}
	for _, lines := range [][]string{want, got} {
		shown := 0
		for _, line := range lines {
			if n := count[line]; n != 0 && shown < 6 {
				t.Errorf("%+d times too often: %s", n, line)
				count[line], shown = 0, shown+1
			}
		}
	}
}
