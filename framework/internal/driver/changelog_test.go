package driver_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
)

// A crash leaves what was acknowledged, and any part of what was not: what is made of records is there before the stores know of them,
// from the last store to the first, and the positions come last.
func TestStateIsWrittenWhenWhatWasMadeOfItIsAcknowledged(t *testing.T) {
	for seed := range uint64(20) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			s.cluster(1)
			s.faults.ack = 100 * time.Millisecond
			topology := framework.New()
			first := topology.From(simTopic(simLines)).Grouped().Reduce("first", latestLine).Stream()
			first.Grouped().Reduce("second", latestLine).Stream().To(simTopic(simCopies))
			plan, err := topology.Plan("sim")
			if err != nil {
				t.Fatal(err)
			}
			var order []string // in which topics have their first record, and acknowledge it
			seen := map[string]bool{}
			note := func(what, topic string) {
				topic = strings.TrimSuffix(strings.TrimPrefix(topic, "sim-"), "-changelog")
				if what += " " + topic; topic != simLines && !seen[what] {
					seen[what] = true
					order = append(order, what)
				}
			}
			s.onAck = func(at simPlace, _ *simRecord) { note("acknowledged", at.topic) }
			s.onCommit = func([]simPlace) { note("committed", "positions") }
			r := s.begin(plan, nil)
			s.at(0, 1, "a line")
			for range 3000 {
				time.Sleep(time.Millisecond)
				s.mu.Lock()
				for _, topic := range []string{simCopies, "sim-second-changelog", "sim-first-changelog"} {
					if s.log(simPlace{topic, 0}).end() > 0 && !seen["acknowledged "+strings.TrimSuffix(strings.TrimPrefix(topic, "sim-"), "-changelog")] {
						note("written", topic)
					}
				}
				s.mu.Unlock()
			}
			r.end(t)
			acks := slices.DeleteFunc(slices.Clone(order), func(o string) bool { return strings.HasPrefix(o, "written") })
			if want := []string{"acknowledged " + simCopies, "acknowledged second", "acknowledged first", "committed positions"}; !slices.Equal(acks, want) {
				t.Errorf("seed %d: %q, want %q", seed, acks, want)
			}
			for _, pair := range [][2]string{{"acknowledged " + simCopies, "written second"}, {"acknowledged second", "written first"}} {
				if at := slices.Index(order, pair[1]); at >= 0 && at < slices.Index(order, pair[0]) {
					t.Errorf("seed %d: %q in %q, before %q", seed, pair[1], order, pair[0])
				}
			}
		})
	}
}

func latestLine(_, line string) string { return line }
