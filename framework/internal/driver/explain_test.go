package driver_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

// explained is a running application that can be asked.
type explained struct {
	*framework.App
	stop  context.CancelFunc
	ended chan error
}

func (s *sim) app(t *testing.T, e events, change func(*framework.Config)) *explained {
	t.Helper()
	c := framework.Config{Name: "sim", Connectors: []connector.Connector{&instance{sim: s, name: "app"}}, Workers: 1, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	app, err := e.topology().Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return &explained{App: app, ended: make(chan error, 1)}
}

func (a *explained) begin(s *sim) *explained {
	ctx, cancel := context.WithCancel(s.ctx)
	a.stop = cancel
	go func() { a.ended <- a.Run(ctx) }() // end waits for it
	time.Sleep(5 * time.Second)
	return a
}

func (a *explained) end(t *testing.T) {
	t.Helper()
	a.stop()
	if err := <-a.ended; err != nil {
		t.Error(err)
	}
}

// because checks what an operator waits for, and the first line of what a person reads.
func (a *explained) because(t *testing.T, want framework.Step, line string) framework.Explanation {
	t.Helper()
	e, err := a.Explain("counts")
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Path) == 0 {
		t.Fatalf("it names no cause: %+v", e)
	}
	if got := e.Path[len(e.Path)-1]; !reflect.DeepEqual(got, want) {
		t.Errorf("the cause is %+v, want %+v", got, want)
	}
	if first, _, _ := strings.Cut(e.String(), "\n"); first != line {
		t.Errorf("it reads\n%s\nwant\n%s", first, line)
	}
	return e
}

func TestAnExplanationNamesAPartitionThatNeverSpoke(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		s.at(0, 5, "a")
		s.at(0, 100, "a")
		app := s.app(t, events{grace: time.Second}, nil).begin(s)
		e := app.because(t,
			framework.Step{Task: "0_1", Topic: simLines, Partition: 1, Standing: framework.InputNeverSpoke, Silent: 5 * time.Second},
			"count counts waits: its watermark, which is not known yet, is held back by topic lines, partition 1, which has never had a record: IdleAfter(d) on the topic leaves it out")
		if first := e.Path[0]; first.Standing != framework.InputWaits || first.WaitsFor != "0_1" || first.Topic != simEvents || len(e.Path) != 2 {
			t.Errorf("the path is %+v", e.Path)
		}
		if e.Of != 2 || len(e.Tasks) != 2 {
			t.Errorf("it tells of %d of %d tasks", len(e.Tasks), e.Of)
		}
		app.end(t)
	})
}

func TestAnExplanationSaysHowLongAPartitionIsSilentAndWhatIsDueNext(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		s.at(0, 5, "a")
		s.at(0, 15, "a")
		s.at(0, 100, "a")
		s.at(1, 12, "a")
		app := s.app(t, events{grace: time.Second, source: func(t framework.Topic[string, string]) framework.Topic[string, string] {
			return t.Disorder(2 * time.Second)
		}}, nil).begin(s)
		time.Sleep(time.Hour - 5*time.Second)
		e := app.because(t,
			framework.Step{Task: "0_1", Topic: simLines, Partition: 1, Standing: framework.InputSilent, Silent: time.Hour},
			"count counts waits: its watermark, 1970-01-01T00:00:10Z, is held back by topic lines, partition 1, which is read to its end and has had no record for 1h0m0s: its next record brings event time on, or IdleAfter(d) on the topic leaves it out")
		due := slices.ContainsFunc(e.Tasks, func(t framework.ExplainedTask) bool { return t.Due.Equal(time.Unix(11, 0)) })
		if !due {
			t.Errorf("no task has a window that is due at 11 s: %+v", e.Tasks)
		}
		for _, of := range []string{"count counts", "counts"} {
			if same, err := app.Explain(of); err != nil || same.Operator != "count counts" {
				t.Errorf("asked for %q it explains %q (%v)", of, same.Operator, err)
			}
		}
		source, err := app.Explain("lines")
		if err != nil || len(source.Tasks) != 2 {
			t.Fatalf("the source: %+v, %v", source, err)
		}
		if in := source.Tasks[1].Inputs[0]; !in.Time.Equal(time.Unix(12, 0)) || in.Disorder != 2*time.Second || !in.Watermark.Equal(time.Unix(10, 0)) || in.Lag != 0 {
			t.Errorf("partition 1 is %+v", in)
		}
		app.end(t)
	})
}

func TestAnExplanationNamesAPartitionThatLags(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		s.at(0, 100, "a")
		s.at(1, 5, "a")
		s.at(1, 6, "a")
		s.stuck = map[simPlace]bool{{simLines, 1}: true}
		app := s.app(t, events{}, nil).begin(s)
		app.because(t,
			framework.Step{Task: "0_1", Topic: simLines, Partition: 1, Standing: framework.InputLagging, Lag: 2},
			"count counts waits: its watermark, which is not known yet, is held back by topic lines, partition 1, which has 2 records that are to be read")
		app.end(t)
	})
}

func TestAnExplanationNamesAPartitionThatIsPaused(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		s.at(0, 5, "a")
		app := s.app(t, events{}, nil).begin(s)
		s.mu.Lock()
		s.ahead = 1 << 30 // the topic behind seems to be too far behind
		s.mu.Unlock()
		time.Sleep(5 * time.Second)
		app.because(t,
			framework.Step{Task: "0_0", Topic: simLines, Standing: framework.InputPaused, Pauses: []string{"downstream"}},
			"count counts waits: its watermark, 1970-01-01T00:00:05Z, is held back by topic lines, partition 0, which is not read for now: paused for downstream")
		app.end(t)
	})
}

func TestAnExplanationSaysThatAllIsIdle(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		s.at(0, 5, "a")
		app := s.app(t, events{source: idleAfter(time.Minute)}, nil).begin(s)
		time.Sleep(2 * time.Minute)
		app.because(t, framework.Step{Task: "1_0", Standing: framework.InputIdle},
			"count counts waits: its watermark, 1970-01-01T00:00:05Z, stands still since all partitions of task 1_0 are idle: their next record brings it on")
		app.end(t)
	})
}

func TestAnExplanationSaysThatTheCauseIsInAnotherProcess(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		s.at(0, 100, "a")
		s.at(1, 5, "a")
		a, b := s.app(t, events{}, nil).begin(s), s.app(t, events{}, nil).begin(s)
		time.Sleep(time.Minute)
		elsewhere := 0
		for _, app := range []*explained{a, b} {
			e, err := app.Explain("counts")
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range e.Path {
				if step.Standing == framework.TaskElsewhere && step.Task == "0_1" {
					elsewhere++
					if !strings.Contains(e.String(), "is held back by task 0_1, which runs in another process: ask there") {
						t.Errorf("it reads\n%s", e)
					}
				}
			}
		}
		mine := 0
		for _, app := range []*explained{a, b} {
			if _, of := app.Partitions(simLines); of != 2 {
				t.Errorf("there are %d partitions", of)
			}
			if owned, _ := app.Partitions(simLines); slices.Contains(owned, 1) {
				mine++
			}
		}
		if mine != 1 || elsewhere != 1 {
			t.Errorf("partition 1 is in %d processes, and %d say that it is elsewhere", mine, elsewhere)
		}
		a.end(t)
		b.end(t)
	})
}

func TestAnExplanationIsRefusedBeforeTheRunAndForWhatIsNotThere(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		app := s.app(t, events{}, nil)
		if _, err := app.Explain("counts"); err == nil || err.Error() != "the application has not begun to run: there is nothing to explain yet" {
			t.Errorf("before the run: %v", err)
		}
		_, err := app.Explain("nothing")
		if err == nil || !strings.HasPrefix(err.Error(), `there is no operator "nothing": there are `) || !strings.Contains(err.Error(), "count counts") {
			t.Errorf("of an operator that is not there: %v", err)
		}
	})
}

func TestAnExplanationGoesThroughJSON(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		s.at(0, 100, "a")
		app := s.app(t, events{}, nil).begin(s)
		e, err := app.Explain("counts")
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back framework.Explanation
		if err := json.Unmarshal(text, &back); err != nil || back.String() != e.String() {
			t.Errorf("%v: it came back as\n%s\nfrom\n%s", err, back, e)
		}
		if !strings.Contains(string(text), `"standing":"never spoke"`) || strings.Contains(string(text), "0001-01-01") {
			t.Errorf("it is %s", text)
		}
		app.end(t)
	})
}

// Whoever asks takes no lock that a worker takes.
func TestManyMayAskForExplanationsWhileTheApplicationWorks(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		app := s.app(t, events{}, func(c *framework.Config) { c.Workers = 2 }).begin(s)
		var asking sync.WaitGroup
		for range 4 {
			asking.Go(func() {
				for range 200 {
					if _, err := app.Explain("counts"); err != nil {
						t.Error(err)
					}
					app.Stats()
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		s.flood(2, 100, 2*time.Second)
		asking.Wait()
		if w := app.Stats().Watermark; w.IsZero() {
			t.Error("no watermark is told")
		}
		app.end(t)
	})
}
