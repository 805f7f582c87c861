package simulation_test

import (
	"context"
	"testing"

	"github.com/millrace/millrace/framework"
)

// graphs of more than one window behind one source.
func chains() []*graph {
	var (
		small = kind{size: 50, advance: 50, grace: 20}
		large = kind{size: 200, advance: 200}
		hop   = kind{size: 150, advance: 50, grace: 10}
		day   = kind{size: 1000, advance: 1000, grace: 30}
	)
	// into is a window over the final results of another one.
	into := func(s lists, k kind, name string, emit emission) lists {
		return shown(cut(s.GroupBy(halfOf), k).Grace(ms(k.grace)).Emit(emissions[emit]).Aggregate(name, joined).Stream(), same)
	}
	after := func(facts []fact, kinds ...kind) outcome {
		o := kinds[0].outcome(facts)
		for i, k := range kinds[1:] {
			refused := o.late
			o = k.outcome(rekeyed(kinds[i].results(o), halfOf))
			o.late = refused // what is behind a window is on time
		}
		return o
	}
	first := func(s stream, k kind) lists {
		w := k.windows(s.GroupBy(keyOf), onClose)
		shown(w.Late(), idsOf).To(late)
		return w.Aggregate("first", listed).Stream()
	}
	second := func(name string, a, b kind, emit emission) *graph {
		g := &graph{
			name: name, topics: 1, disorder: 30, kind: b, emit: emit,
			declare:  func(from []stream) { into(first(from[0], a), b, "second", emit).To(results) },
			want:     func(facts []fact) outcome { return after(facts, a, b) },
			partials: folded("first", a, onClose),
		}
		return g.with(folded("second", b, emit))
	}
	graphs := []*graph{
		second("a window of windows", small, large, onClose),
		second("sessions of windows", small, kind{gap: 60, grace: 5}, onClose),
		second("hopping windows of sessions", session, hop, onClose),
		second("windows of sliding windows", kind{slide: 30, grace: 10}, large, onClose),
		second("sliding windows of hopping ones", hop, kind{slide: 60}, onClose),
		second("each update of windows of windows", small, large, everyUpdate),
		(&graph{
			name: "three stages", topics: 1, disorder: 30, kind: day,
			declare: func(from []stream) {
				two := cut(first(from[0], small).GroupBy(halfOf), hop).Grace(ms(hop.grace)).Emit(framework.OnClose).Aggregate("second", joined).Stream()
				into(two, day, "third", onClose).To(results)
			},
			want:     func(facts []fact) outcome { return after(facts, small, hop, day) },
			partials: folded("first", small, onClose),
		}).with(folded("second", hop, onClose)).with(folded("third", day, onClose)),
		{
			name: "a window behind a window in one task", topics: 1, disorder: 30, kind: large,
			declare: func(from []stream) {
				shown(cut(first(from[0], small).Grouped(), large).Emit(framework.OnClose).Aggregate("second", joined).Stream(), same).To(results)
			},
			want: func(facts []fact) outcome {
				one := small.outcome(facts)
				o := large.outcome(small.results(one))
				o.late = one.late
				return o
			},
			partials: folded("first", small, onClose),
		},
		{
			name: "two windows side by side", topics: 1, disorder: 30, kind: large, uncounted: true,
			declare: func(from []stream) {
				keyed := from[0].KeyBy(keyOf).Repartition("keyed")
				cut(keyed.Grouped(), session).Grace(ms(session.grace)).Emit(framework.OnClose).Aggregate("other", listed).Stream().ForEach(ignore)
				w := large.windows(keyed.Grouped(), onClose)
				shown(w.Late(), idsOf).To(late)
				shown(w.Aggregate("windows", listed).Stream(), same).To(results)
			},
			want: large.outcome,
		},
		{
			name: "no repartition", topics: 1, disorder: 30, kind: hop, byKey: true,
			declare: func(from []stream) {
				w := hop.windows(from[0].Grouped(), onClose)
				shown(w.Late(), idsOf).To(late)
				shown(w.Aggregate("windows", listed).Stream(), same).To(results)
			},
			want: hop.outcome,
		},
		{
			name: "two topics in one window", topics: 2, disorder: 30, kind: small,
			declare: func(from []stream) {
				w := small.windows(from[0].Merge(from[1]).GroupBy(keyOf), onClose)
				shown(w.Late(), idsOf).To(late)
				shown(w.Aggregate("windows", listed).Stream(), same).To(results)
			},
			want: small.outcome, partials: folded("windows", small, onClose),
		},
		{
			name: "two topics in one window, with no repartition", topics: 2, disorder: 30, kind: session, byKey: true,
			declare: func(from []stream) {
				w := session.windows(from[0].Merge(from[1]).Grouped(), onClose)
				shown(w.Late(), idsOf).To(late)
				shown(w.Aggregate("windows", listed).Stream(), same).To(results)
			},
			want: session.outcome,
		},
		{
			name: "a window and its source in one window", topics: 1, disorder: 30, kind: large,
			declare: func(from []stream) {
				both := first(from[0], small).Merge(from[0].Map(idsOf).KeyBy(keyOfIDs).Repartition("whole"))
				w := cut(both.GroupBy(halfOf), large).Emit(framework.OnClose)
				shown(w.Late(), same).To(late)
				shown(w.Aggregate("second", joined).Stream(), same).To(results)
			},
			want: func(facts []fact) outcome {
				one := small.outcome(facts)
				o := large.outcome(rekeyed(append(small.results(one), facts...), halfOf))
				for r, n := range one.late {
					o.late[r] += n
				}
				return o
			},
			partials: folded("first", small, onClose),
		},
	}
	graphs[len(graphs)-1].with(folded("second", large, onClose))
	return graphs
}

// with adds what other repartition topics carry.
func (g *graph) with(more map[string]partials) *graph {
	all := map[string]partials{}
	for _, m := range []map[string]partials{g.partials, more} {
		for name, p := range m {
			all[name] = p
		}
	}
	g.partials = all
	return g
}

// What is behind a window is on time at the next one, since it is given a watermark that waits for it.
func TestWindowsOfWindowsDoNotDependOnLuck(t *testing.T) {
	for _, g := range chains() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			check(t, g, *seeds, 12)
		})
	}
}

// Intermediate results are luck, but what a window makes of them is on time there: nothing finds its window closed.
func TestUpdatesOfWindowsAreOnTimeAtTheNextWindow(t *testing.T) {
	for _, emit := range []emission{perCommit, everyUpdate, early} {
		for _, k := range kinds {
			if k.kind.spans != nil {
				continue
			}
			large := kind{size: 200, advance: 200}
			g := &graph{
				name: k.name, topics: 1, disorder: k.disorder, kind: large, loose: true,
				declare: func(from []stream) {
					updates := k.kind.windows(from[0].GroupBy(keyOf), emit).Aggregate("first", listed).Stream()
					shown(cut(updates.GroupBy(halfOf), large).Emit(framework.OnClose).Aggregate("second", joined).Stream(), same).To(results)
					shown(cut(updates.Grouped(), large).Emit(framework.OnClose).Aggregate("beside", joined).Stream(), same).To(results)
				},
				partials: folded("first", k.kind, emit),
			}
			g.with(folded("second", large, onClose))
			t.Run(emit.String()+", "+k.name, func(t *testing.T) {
				t.Parallel()
				check(t, g, max(1, *seeds/4), 12)
			})
		}
	}
}

func ignore(context.Context, string) error { return nil }

// aggregates is a window with other aggregates than lists.
func aggregates() (graphs []*graph) {
	k := kind{size: 120, advance: 60, grace: 10}
	add := func(name string, k kind, emit emission, folded map[string]partials, text func(string) string, made func(w windowed) lists) {
		graphs = append(graphs, &graph{
			name: name, topics: 1, disorder: 30, kind: k, emit: emit, text: text, number: true, partials: folded,
			declare: func(from []stream) {
				w := k.windows(from[0].GroupBy(keyOf), emit)
				shown(w.Late(), idsOf).To(late)
				made(w).To(results)
			},
			want: k.outcome,
		})
	}
	number := func(v int64) int64 { return numberOf(idsOf(v)) }
	sum := framework.Fold(int64(0), func(n, v int64) int64 { return n + number(v) }).Merge(framework.Add[int64])
	for _, k := range []kind{tumbling, k, session, sliding} {
		add("count, "+k.cut(), k, onClose, folded("windows", k, onClose), counted, func(w windowed) lists {
			return shown(w.Count("windows").Stream(), decimal)
		})
		add("sum, "+k.cut(), k, perCommit, folded("windows", k, perCommit), summed, func(w windowed) lists {
			return shown(w.Aggregate("windows", sum).Stream(), decimal)
		})
		add("reduce, "+k.cut(), k, onClose, nil, highest, func(w windowed) lists {
			return shown(w.Reduce("windows", func(a, b int64) int64 {
				if number(a) > number(b) {
					return a
				}
				return b
			}).Stream(), func(v int64) string { return decimal(number(v)) })
		})
	}
	add("no merge", k, onClose, nil, counted, func(w windowed) lists {
		return shown(w.Aggregate("windows", framework.Fold(0, func(n int, _ int64) int { return n + 1 })).Stream(), func(n int) string { return decimal(int64(n)) })
	})
	return graphs
}

// highest shows the highest number of a list.
func highest(ids string) string { return decimal(numberOf(ids[len(ids)-2:])) }

func (k kind) cut() string {
	switch {
	case k.gap > 0:
		return "session"
	case k.slide > 0:
		return "sliding"
	case k.size == k.advance:
		return "tumbling"
	}
	return "hopping"
}

func TestCountsSumsAndReductionsDoNotDependOnLuck(t *testing.T) {
	for _, g := range aggregates() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			check(t, g, max(1, *seeds/3), 12)
		})
	}
}
