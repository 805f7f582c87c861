package driver_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
)

// remindersPlan sets a timer for each word of a line, for long after.
func remindersPlan(t *testing.T) *driver.Plan {
	t.Helper()
	topology := framework.New()
	topology.From(simTopic(simLines)).Process("remind", func(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
		timers := op.EventTimers(func(m *framework.Meta, k string) error { return next(m, k, "now") })
		return func(_ *framework.Meta, _, line string) error {
			for _, word := range strings.Fields(line) {
				timers.Set(word, time.Unix(1<<30, 0))
			}
			return nil
		}
	}).To(simTopic(simCopies))
	plan, err := topology.Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// A task that takes long to get its stores from the folder keeps no other one of its worker from going on, and says how far it is.
func TestTasksThatRestoreDoNotStopTasksThatRun(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		w := &world{sim: s, rng: rand.New(rand.NewPCG(1, 1)), disks: true}
		const words = 20_000
		for n := range words / 100 {
			var line strings.Builder
			for i := range 100 {
				fmt.Fprintf(&line, "word%d ", n*100+i)
			}
			s.at(0, 1, line.String())
		}
		s.at(1, 1, "few words")
		for _, first := range []bool{true, false} {
			p := &process{instance: &instance{name: "a machine's process"}}
			w.boot(p)
			var r *eventsRun
			var order []string
			between, told := int64(0), int64(0)
			r = s.begin(remindersPlan(t), func(c *driver.Config) {
				c.Disk, c.Counters = p.machine.open, &driver.Counters{}
				counters := c.Counters
				c.OnRestore = func(e driver.RestoreEvent) {
					if e.Done {
						order = append(order, e.Task)
						between = counters.In.Load()
						told = e.Entries
					}
				}
			})
			p.instance = r.instance
			if !first {
				s.at(1, 2, "one more")
			}
			time.Sleep(10 * time.Second)
			r.end(t)
			w.halt(p)
			if first {
				continue
			}
			if got := strings.Join(order, " "); got != "0_1 0_0" {
				t.Errorf("tasks have their stores in the order %s: the one with few entries is to be first", got)
			}
			if between == 0 {
				t.Error("nothing was processed before the other task had its stores")
			}
			if told != words {
				t.Errorf("the task says that it got %d entries, want %d", told, words)
			}
		}
	})
}

// The budget bounds records on their way. What stores take beside it is counted, and told once where it is more.
func TestStoresThatOutgrowTheBudgetAreTold(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		var log bytes.Buffer
		r := s.begin(remindersPlan(t), func(c *driver.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		grow := func(from, to int) {
			for n := from; n < to; n++ {
				s.at(0, 1, fmt.Sprint("word", n))
			}
			time.Sleep(10 * time.Second)
		}
		grow(0, 1000)
		few := r.counters.Stored()
		grow(1000, 15_000)
		grow(15_000, 20_000)
		many := r.counters.Stored()
		r.end(t)
		if few == 0 || many < 15*few {
			t.Errorf("the stores take %d bytes with 1,000 entries, and %d with 20,000", few, many)
		}
		if n := strings.Count(log.String(), "stores take more memory than the budget"); n != 1 {
			t.Errorf("it was told %d times: %s", n, &log)
		}
	})
}
