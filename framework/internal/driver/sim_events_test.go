package driver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

const (
	simLate   = "late-lines"
	simEvents = "sim-counts-repartition" // of eventsPlan
)

// events is what an application over event time does with lines: it counts them by their first word in tumbling windows of ten
// seconds, and hands on the final results.
type events struct {
	source func(framework.Topic[string, string]) framework.Topic[string, string] // sets options
	front  func(framework.Stream[string, string]) framework.Stream[string, string]
	grace  time.Duration
	stages int // of windows, one counting the results of the other
}

// topology builds the application.
func (e events) topology() *framework.Topology {
	topology := framework.New()
	lines := simTopic(simLines)
	if e.source != nil {
		lines = e.source(lines)
	}
	stream := topology.From(lines)
	if e.front != nil {
		stream = e.front(stream)
	}
	counts := stream.GroupBy(firstWord).Tumbling(10 * time.Second).Grace(e.grace).Emit(framework.OnClose)
	counts.Late().To(simTopic(simLate))
	out := counts.Count("counts").Stream().MapRecord(windowLine)
	for stage := 1; stage < e.stages; stage++ {
		out = out.GroupBy(firstWord).Tumbling(10 * time.Second).Emit(framework.OnClose).Count(fmt.Sprint("counts-", stage)).Stream().MapRecord(windowLine)
	}
	out.To(simTopic(simCopies))
	return topology
}

func (e events) plan(t *testing.T) *driver.Plan {
	t.Helper()
	plan, err := e.topology().Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func firstWord(line string) string {
	word, _, _ := strings.Cut(line, " ")
	return word
}

// windowLine says all of a result: "a 20=3" are three records of a in the window that begins at 20 s.
func windowLine(_ context.Context, r framework.Record[string, int64]) (framework.Record[string, string], error) {
	return r.WithValue(fmt.Sprintf("%s %d=%d", r.Key, r.Window.Start().Unix(), r.Value)), nil
}

// at produces a line of a partition at so many seconds.
func (s *sim) at(partition int32, second float64, line string) {
	s.produce(simPlace{simLines, partition}, simRecord{time: int64(second * 1000), key: []byte("k"), value: []byte(line)})
}

// cluster makes the topics that the application reads and writes.
func (s *sim) cluster(partitions int32) {
	s.create(simLines, partitions)
	s.create(simLate, 1)
	s.create(simCopies, 1)
}

// eventsRun is a run of a plan.
type eventsRun struct {
	*instance
	stop     context.CancelFunc
	ended    chan error
	counters *driver.Counters
	progress *driver.Progress
}

// begin runs a plan. change may change the configuration.
func (s *sim) begin(plan *driver.Plan, change func(*driver.Config)) *eventsRun {
	r := &eventsRun{instance: &instance{sim: s, name: "run"}, ended: make(chan error, 1), counters: &driver.Counters{}, progress: &driver.Progress{}}
	ctx, cancel := context.WithCancel(s.ctx)
	r.stop = cancel
	c := driver.Config{
		Plan: plan, Connector: r.instance, Workers: 1, BudgetBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler), Counters: r.counters, Progress: r.progress,
	}
	if *simVerbose {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if change != nil {
		change(&c)
	}
	go func() { r.ended <- driver.Run(ctx, c) }() // end waits for it
	return r
}

// end stops the run as a signal would.
func (r *eventsRun) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("the run ended with %v", err)
	}
}

// byItself waits for the end of a bounded run.
func (r *eventsRun) byItself(t *testing.T, patience time.Duration) {
	t.Helper()
	select {
	case err := <-r.ended:
		r.stop()
		if err != nil {
			t.Errorf("the run ended with %v", err)
		}
	case <-time.After(patience):
		for _, task := range r.progress.Tasks() {
			t.Logf("%+v", task)
		}
		r.stop()
		t.Errorf("a bounded run has not ended after %s: %v", patience, errors.Join(<-r.ended))
	}
}

// input returns how far an input of a task is.
func (r *eventsRun) input(t *testing.T, task string, input int) driver.InputProgress {
	t.Helper()
	return r.task(t, task).Inputs[input]
}

func (r *eventsRun) task(t *testing.T, id string) driver.TaskProgress {
	t.Helper()
	tasks := r.progress.Tasks()
	at := slices.IndexFunc(tasks, func(t driver.TaskProgress) bool { return t.ID == id })
	if at < 0 {
		t.Fatalf("there is no task %s", id)
	}
	return tasks[at]
}

func (r *eventsRun) dropped(reason engine.Reason) int64 { return r.counters.Drops[reason].Load() }

// finals returns the final results, sorted; none of them is there twice.
func (s *sim) finals(t *testing.T) []string {
	t.Helper()
	got := s.values(simCopies)
	if once := slices.Compact(slices.Clone(got)); len(once) < len(got) {
		t.Errorf("some windows have two finals: %q", got)
	}
	seen := map[string]string{}
	for _, line := range got {
		window, _, _ := strings.Cut(line, "=")
		if before, twice := seen[window]; twice {
			t.Errorf("a window has two finals: %s and %s", before, line)
		}
		seen[window] = line
	}
	return got
}

// told returns the control records of a topic, in the order of a partition.
func (s *sim) told(topic string, partition int32) (told []simControl) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.topics[topic][partition].records {
		if c, ok := s.topics[topic][partition].records[i].told(); ok {
			told = append(told, c)
		}
	}
	return told
}

func wantFinals(t *testing.T, s *sim, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := s.finals(t); !slices.Equal(got, want) {
		t.Errorf("the final results are %q, want %q", got, want)
	}
}
