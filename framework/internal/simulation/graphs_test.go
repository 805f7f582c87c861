package simulation_test

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

type (
	stream   = framework.Stream[string, int64]
	grouped  = framework.Grouped[string, int64]
	windowed = framework.Windowed[string, int64]
	lists    = framework.Stream[string, string]
)

func topic[V any](name string, values codec.Codec[V]) framework.Topic[string, V] {
	return framework.NewTopic(connector.Factory{Kind: "simulation"}, connector.TopicSpec{Name: name}, codec.String, values)
}

// listed collects ids. It merges, so that it is folded before repartition topics.
var listed = framework.Fold("", func(ids string, v int64) string { return union(ids, idsOf(v)) }).Merge(union)

// joined collects those of results.
var joined = framework.Fold("", union).Merge(union)

// result is what a sink topic says of a window.
type result struct {
	frame
	time    int64
	value   string
	deleted bool
}

// shown makes a record of a result that says all: tombstones too, which have no value to say anything with.
func shown[V any](s framework.Stream[string, V], text func(V) string) lists {
	return s.Process("", func(_ *framework.Op, next framework.Emit[string, string]) framework.Emit[string, V] {
		return func(m *framework.Meta, k string, v V) error {
			start, end := m.Win.Bounds()
			b := binary.BigEndian.AppendUint64(nil, uint64(start))
			b = binary.BigEndian.AppendUint64(b, uint64(end))
			if own := *m; m.Deleted {
				own.Deleted = false
				return next(&own, k, string(append(b, '-')))
			}
			return next(m, k, string(append(b, '='))+text(v))
		}
	})
}

func resultOf(r connector.Record) result {
	return result{
		frame:   frame{string(r.Key), int64(binary.BigEndian.Uint64(r.Value)), int64(binary.BigEndian.Uint64(r.Value[8:]))},
		time:    r.Time,
		value:   string(r.Value[17:]),
		deleted: r.Value[16] == '-',
	}
}

func same(ids string) string    { return ids }
func counted(ids string) string { return strconv.Itoa(len(ids) / 2) }
func decimal(n int64) string    { return strconv.FormatInt(n, 10) }

func summed(ids string) string {
	sum := int64(0)
	for ; len(ids) > 0; ids = ids[2:] {
		sum += numberOf(ids)
	}
	return decimal(sum)
}

// numberOf is the number that a list begins with.
func numberOf(ids string) int64 { return int64(ids[0])<<8 | int64(ids[1]) }

var (
	results = topic("results", codec.String)
	late    = topic("late", codec.String)
)

// graph is a topology with what must come out of it.
type graph struct {
	name     string
	topics   int // that it reads
	disorder int64
	declare  func(from []stream)
	want     func(facts []fact) outcome
	kind     kind                    // of the last window
	emit     emission                // likewise
	text     func(ids string) string // how results show a list of ids; nil: as it is
	number   bool                    // as a number that grows
	loose    bool                    // what comes out is luck: only that nothing finds its window closed is checked
	// uncounted: not all that is late is in the topic for it.
	uncounted bool
	byKey     bool // the source has each key in one partition
	// partitions of each source topic; 0: as the seed says.
	partitions int
	inValues   bool  // times are in the values, and timestamps say nothing
	pace, from int64 // of the input, where it is another one than that of other graphs
	// partials are the windows of partial results, by repartition topic.
	partials map[string]partials

	plan *driver.Plan
}

// partials says what windows the partial results of a repartition topic are for.
type partials struct {
	of    kind
	panes bool
}

type emission int8

const (
	onClose emission = iota
	perCommit
	everyUpdate
	early
)

var emissions = map[emission]framework.EmitPolicy{onClose: framework.OnClose, perCommit: framework.PerCommit, everyUpdate: framework.EveryUpdate, early: framework.Early(70 * time.Millisecond)}

func (e emission) String() string {
	return [...]string{"on close", "per commit", "each update", "early"}[e]
}

// build makes the plan of a graph, once.
func (g *graph) build() {
	t := framework.New()
	var from []stream
	for i := range g.topics {
		at := topic(fmt.Sprintf("in%d", i), codec.Int64).Disorder(ms(g.disorder))
		if g.inValues {
			at = at.EventTime(func(v int64) time.Time { return time.UnixMilli(timeIn(v)) })
		}
		from = append(from, t.From(at))
	}
	g.declare(from)
	var err error
	if g.plan, err = t.Plan("s"); err != nil {
		panic(fmt.Errorf("%s: %w", g.name, err))
	}
	if g.text == nil {
		g.text = same
	}
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// windows puts a grouped stream into windows.
func (k kind) windows(g grouped, emit emission) windowed {
	return cut[int64](g, k).Grace(ms(k.grace)).Emit(emissions[emit])
}

func cut[V any](g framework.Grouped[string, V], k kind) framework.Windowed[string, V] {
	switch {
	case k.gap > 0:
		return g.Session(ms(k.gap))
	case k.slide > 0:
		return g.SlidingTime(ms(k.slide))
	case k.spans != nil:
		return g.Windows(assigner{k})
	case k.size == k.advance:
		return g.Tumbling(ms(k.size)).Offset(ms(k.offset))
	}
	return g.Hopping(ms(k.size), ms(k.advance)).Offset(ms(k.offset))
}

// assigner is a kind's spans as a user would write it.
type assigner struct{ k kind }

func (a assigner) Assign(at time.Time) (windows []framework.Window) {
	for _, s := range a.k.spans(at.UnixMilli()) {
		windows = append(windows, engine.NewWindow(s[0], s[1]))
	}
	return windows
}

func (a assigner) Longest() time.Duration { return ms(a.k.longest) }
