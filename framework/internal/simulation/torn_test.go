package simulation_test

import "testing"

// A crash at any moment leaves some of what was on its way to the brokers, and loses some: of each window all that is to be in it
// comes to be handed on, maybe more than once, and nothing else.
func TestACrashThatTearsWhatWasOnItsWayLosesNothing(t *testing.T) {
	for _, g := range tornGraphs() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			checkIn(t, g, max(1, *seeds/2), 8, torn)
		})
	}
}

func tornGraphs() (graphs []*graph) {
	for _, k := range kinds {
		for _, emit := range []emission{onClose, perCommit, everyUpdate, early} {
			g := of(k.kind, one(k.name, k.kind, emit, k.disorder))
			g.name += ", " + emit.String()
			graphs = append(graphs, g)
		}
	}
	return append(graphs, chains()...)
}

// What changed in stores is written after what was made of it: else a window is closed whose result is nowhere.
func TestStateThatIsWrittenBesideResultsIsCaught(t *testing.T) {
	g := one("tumbling", tumbling, onClose, 30)
	g.build()
	for seed := uint64(1); seed <= 200; seed++ {
		rng := seeded(seed)
		in := g.shape(rng).make(rng)
		want := g.want(in.facts(g.disorder))
		for i, s := range schedulesOf(rng, []mode{torn}, 4) {
			s.plantOrder = true
			if w := simulate(g, in, want, s, seed*1000+uint64(i)); len(w.wrong) > 0 {
				return
			}
		}
	}
	t.Error("nothing is lost where what changed in stores is written beside what was made of it")
}
