package simulation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
)

// beside is windows with operators around them that keep records for later.
func beside() []*graph {
	var (
		small = kind{size: 50, advance: 50, grace: 20}
		large = kind{size: 200, advance: 200}
	)
	made := func(name string, k kind, declare func(from stream, late func(windowed) windowed) lists) *graph {
		return &graph{
			name: name, topics: 1, disorder: 30, kind: k,
			declare: func(from []stream) {
				shown(declare(from[0], func(w windowed) windowed {
					shown(w.Late(), idsOf).To(late)
					return w
				}), same).To(results)
			},
			want: k.outcome, partials: folded("windows", k, onClose),
		}
	}
	two := func(name string, between func(lists) lists) *graph {
		g := made(name, large, func(from stream, late func(windowed) windowed) lists {
			one := late(small.windows(from.GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream()
			return cut(between(one).GroupBy(halfOf), large).Emit(framework.OnClose).Aggregate("second", joined).Stream()
		})
		g.want = func(facts []fact) outcome {
			one := small.outcome(facts)
			o := large.outcome(rekeyed(small.results(one), halfOf))
			o.late = one.late
			return o
		}
		g.partials = folded("windows", small, onClose)
		return g.with(folded("second", large, onClose))
	}
	inOne := func(name string, between func(lists) lists) *graph {
		g := made(name, large, func(from stream, late func(windowed) windowed) lists {
			one := late(small.windows(from.GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream()
			return cut(between(one).Grouped(), large).Emit(framework.OnClose).Aggregate("second", joined).Stream()
		})
		g.want = func(facts []fact) outcome {
			one := small.outcome(facts)
			o := large.outcome(small.results(one))
			o.late = one.late
			return o
		}
		g.partials = folded("windows", small, onClose)
		return g
	}
	buffer := func(s lists) lists { return s.Buffer(3) }
	limit := func(s lists) lists { return s.RateLimit(100, time.Second) }
	return []*graph{
		made("a buffer before a window", small, func(from stream, late func(windowed) windowed) lists {
			return late(small.windows(from.Buffer(4).GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream()
		}),
		made("a buffer before sessions", session, func(from stream, late func(windowed) windowed) lists {
			return late(session.windows(from.Buffer(0).KeyBy(keyOf).Repartition("keyed").Buffer(2).Grouped(), onClose)).Aggregate("windows", listed).Stream()
		}),
		made("a buffer behind a window", small, func(from stream, late func(windowed) windowed) lists {
			return late(small.windows(from.GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream().Buffer(2)
		}),
		made("a rate limit before a window", small, func(from stream, late func(windowed) windowed) lists {
			return late(small.windows(from.RateLimit(50, time.Second).GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream()
		}),
		made("a rate limit before sessions, in their task", session, func(from stream, late func(windowed) windowed) lists {
			return late(session.windows(from.KeyBy(keyOf).Repartition("keyed").RateLimit(50, time.Second).Grouped(), onClose)).Aggregate("windows", listed).Stream()
		}),
		made("a rate limit behind a window", small, func(from stream, late func(windowed) windowed) lists {
			return limit(late(small.windows(from.GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream())
		}),
		made("a buffer and a rate limit before a window", small, func(from stream, late func(windowed) windowed) lists {
			return late(small.windows(from.Buffer(4).RateLimit(50, time.Second).GroupBy(keyOf), onClose)).Aggregate("windows", listed).Stream()
		}),
		two("a buffer between windows", buffer),
		inOne("a buffer between windows of one task", buffer),
		two("a rate limit between windows", limit),
		inOne("a rate limit between windows of one task", limit),
		two("a buffer and a rate limit between windows", func(s lists) lists { return limit(buffer(s)) }),
		two("a rate limit and a buffer between windows", func(s lists) lists { return buffer(limit(s)) }),
	}
}

func TestOperatorsThatKeepRecordsForLaterDoNotChangeWindows(t *testing.T) {
	for _, g := range beside() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(g.name, "a rate limit b") && !strings.Contains(g.name, "before") {
				checkIn(t, g, max(1, *seeds/2), 4, graceful) // a hold that is taken, released and taken again in a round is not seen by a commit
				return
			}
			check(t, g, max(1, *seeds/2), 12)
		})
	}
}
