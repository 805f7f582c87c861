package integration

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
)

// kind is a kind of windows: how a graph cuts them, and what must be in them.
type kind struct {
	name   string
	rule   rule
	cut    func(toCut) windows
	folds  bool // records are folded before a repartition topic
	sums   bool // of loads, else lists of records
	each   bool // hands on each update, of which the last one of a window holds
	counts bool // is of so many records, and cuts alone
}

// several keys are in several partitions each; alone is in one, so that its records have an order.
func several(id int64) string { return fmt.Sprintf("key %d", id/sources%5) }
func alone(id int64) string   { return fmt.Sprintf("key %d of %d", id/sources%2, id%sources) }

func (k kind) key(id int64) string {
	if k.counts {
		return alone(id)
	}
	return several(id)
}

type (
	toCut   = framework.Grouped[string, int64]
	windows = framework.Windowed[string, int64]
)

var kinds = []kind{
	{
		name: "tumbling", folds: true, rule: fixed(aligned(tumblingSize, tumblingSize, 0), tumblingGrace),
		cut: func(g toCut) windows { return g.Tumbling(tumblingSize).Grace(tumblingGrace) },
	},
	{
		name: "hopping", folds: true, rule: fixed(aligned(120*time.Minute, 30*time.Minute, 25*time.Minute), longGrace),
		cut: func(g toCut) windows {
			return g.Hopping(120*time.Minute, 30*time.Minute).Offset(25 * time.Minute).Grace(longGrace)
		},
	},
	{
		name: "holes", folds: true, rule: fixed(aligned(20*time.Minute, 50*time.Minute, 0), 0), sums: true,
		cut: func(g toCut) windows { return g.Hopping(20*time.Minute, 50*time.Minute) },
	},
	{
		name: "shifts", folds: true, rule: fixed(shift, longGrace),
		cut: func(g toCut) windows { return g.Windows(shifts{}).Grace(longGrace) },
	},
	{
		name: "session", rule: sessions(10*time.Minute, shortGrace),
		cut: func(g toCut) windows { return g.Session(10 * time.Minute).Grace(shortGrace) },
	},
	{
		name: "updates", rule: sessions(20*time.Minute, 0), each: true,
		cut: func(g toCut) windows { return g.Session(20 * time.Minute) },
	},
	{
		name: "sliding", rule: slides(30*time.Minute, longGrace),
		cut: func(g toCut) windows { return g.SlidingTime(30 * time.Minute).Grace(longGrace) },
	},
	{
		name: "sevens", counts: true, rule: counted(7, 7),
		cut: func(g toCut) windows { return g.TumblingCount(7) },
	},
	{
		name: "last", counts: true, rule: counted(5, 1),
		cut: func(g toCut) windows { return g.SlidingCount(5) },
	},
}

// shifts is shift as a user would write it.
type shifts struct{}

func (shifts) Assign(at time.Time) (windows []framework.Window) {
	for _, s := range shift(at.UnixMilli()) {
		windows = append(windows, framework.NewWindow(time.UnixMilli(s.start), time.UnixMilli(s.end)))
	}
	return windows
}

func (shifts) Longest() time.Duration { return 6 * time.Hour }

// folding says where the records of a key and window come together.
type folding int8

const (
	folded   folding = iota // partial results go through a repartition topic for each kind, where they can
	unfolded                // records go through a repartition topic for each kind
	together                // records go through one for all kinds
	foldings
)

func (f folding) String() string { return [...]string{"folded", "unfolded", "together"}[f] }

// graph is the topology that all combinations run: each kind of windows, and a window of windows.
type graph struct {
	from          framework.Topic[framework.None, int64]
	results, late framework.Topic[string, string]
	folding       folding
}

func newGraph(from, results, late string, f folding) graph {
	return graph{
		from:    kafka.Topic(from, codec.None, codec.Int64).Disorder(disorder),
		results: kafka.Topic(results, codec.String, codec.String),
		late:    kafka.Topic(late, codec.String, codec.String),
		folding: f,
	}
}

func (g graph) declare(t *framework.Topology) {
	grouped := g.grouping(t.From(g.from))
	for _, k := range kinds {
		emit := framework.OnClose
		if k.each {
			emit = framework.EveryUpdate
		}
		w := k.cut(grouped(k)).Emit(emit)
		show(k.name, w.Late().Map(func(id int64) string { return fmt.Sprint(id) })).To(g.late)
		if k.sums {
			sums := w.Aggregate(k.name, framework.SumFloatOf(load)).Stream()
			show(k.name, sums.Map(func(s framework.FloatSum) string { return fmt.Sprint(s.Value()) })).To(g.results)
			continue
		}
		lists := w.Aggregate(k.name, listed(!k.folds || g.folding == folded)).Stream()
		show(k.name, lists.Map(list)).To(g.results)
		if k.name == chained {
			g.chain(lists)
		}
	}
}

// grouping returns what groups the records for a kind.
func (g graph) grouping(records framework.Stream[framework.None, int64]) func(kind) toCut {
	bySeveral := sync.OnceValue(func() toCut { return records.KeyBy(several).Repartition("several").Grouped() })
	byAlone := sync.OnceValue(func() toCut { return records.KeyBy(alone).Repartition("alone").Grouped() })
	return func(k kind) toCut {
		switch {
		case g.folding == unfolded || g.folding == folded && k.folds:
			return records.GroupBy(k.key)
		case k.counts:
			return byAlone()
		}
		return bySeveral()
	}
}

// chain makes windows of windows' results, by half of the keys.
func (g graph) chain(lists framework.Stream[string, []int64]) {
	w := lists.GroupBy(half).Tumbling(chainSize).Emit(framework.OnClose)
	both := framework.FoldNew(noIDs, joined)
	if g.folding == folded {
		both = both.Merge(joined)
	}
	show("chain", w.Late().Map(list)).To(g.late)
	show("chain", w.Aggregate("chain", both).Stream().Map(list)).To(g.results)
}

// chained is the kind of whose results the chain makes windows of that size.
const (
	chained   = "tumbling"
	chainSize = 300 * time.Minute
)

func half(ids []int64) string { return fmt.Sprintf("half %d", ids[0]/sources%5%2) }

// listed collects records.
func listed(merges bool) framework.Aggregator[int64, []int64] {
	a := framework.FoldNew(noIDs, func(ids []int64, id int64) []int64 { return joined(ids, []int64{id}) })
	if merges {
		a = a.Merge(joined)
	}
	return a
}

func noIDs() []int64 { return nil }

func joined(a, b []int64) []int64 { return slices.Sorted(slices.Values(slices.Concat(a, b))) }

// show makes a record of a window's result that says all: tombstones too, which have no value to say anything with.
func show(name string, s framework.Stream[string, string]) framework.Stream[string, string] {
	return s.Process("", func(_ *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
		return func(m *framework.Meta, k, v string) error {
			own := *m
			if own.Deleted {
				own.Deleted, v = false, gone
			}
			start, end := m.Win.Bounds()
			return next(&own, k, shown(name, span{start, end}, v))
		}
	})
}

// gone is what is shown of a tombstone.
const gone = "-"

func shown(name string, s span, what string) string {
	return fmt.Sprintf("%s %d..%d=%s", name, s.start, s.end, what)
}
