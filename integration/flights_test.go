package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/apps/flights/flightstest"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	oneDay  = 24 * time.Hour
	oneYear = 8760 * time.Hour
)

// year is all flights of 2013, in the file's order, and the package that they are from.
func year(t *testing.T) (rows []flightstest.Row, path string) {
	t.Helper()
	path = flightstest.Package(t)
	rows = flightstest.Rows(t, bytes.NewReader(flightstest.CSV(t, path)))
	if len(rows) != 336_776 {
		t.Fatalf("%d flights", len(rows))
	}
	return rows, path
}

// byAircraft is where Kafka's default partitioner puts a flight, which is keyed by its aircraft.
func byAircraft(partitions int) func(flightstest.Row) int {
	p := kgo.StickyKeyPartitioner(nil).ForTopic("")
	return func(r flightstest.Row) int { return p.Partition(&kgo.Record{Key: []byte(r.Tail)}, partitions) }
}

// flights builds the application once and returns the path of its binary.
func flights(t *testing.T) string {
	t.Helper()
	path, err := buildFlights()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildFlights = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "integration")
	if err != nil {
		return "", err
	}
	later(func() error { return os.RemoveAll(dir) })
	path := filepath.Join(dir, "flights")
	if out, err := exec.Command("go", "build", "-o", path, "../apps/flights").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build flights: %w\n%s", err, out)
	}
	return path, nil
})

// fly runs the application, which must end by itself and without a fault, and returns the hours and the late flights.
func fly(t *testing.T, args ...string) (hours, late string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began, path := time.Now(), filepath.Join(t.TempDir(), "late.json")
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, flights(t), append(args, "-late", path)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("flights ended with %v and wrote\n%s", err, &stderr)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("\n")); (n > 0) != (stderr.Len() > 0) {
		t.Errorf("%d flights are late, and it wrote %q", n, &stderr)
	}
	t.Logf("%v: %s", args, time.Since(began).Round(10*time.Millisecond))
	return stdout.String(), string(b)
}

// sameLines fails the test at the first line that differs.
func sameLines(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s: line %d is %s, want %s", what, i+1, g[i], w[i])
			break
		}
	}
	t.Errorf("%s: %d lines, want %d", what, len(g)-1, len(w)-1)
}

func TestFlightsOfAWholeYearAreExactWithNothingInstalled(t *testing.T) {
	rows, input := year(t)
	whole := flightstest.Hours(rows)
	if n := strings.Count(whole, "\n"); n != 19_486 {
		t.Fatalf("%d hours", n)
	}
	got, late := fly(t, "-input", input)
	sameLines(t, "hours", got, whole)
	sameLines(t, "late", late, "")
	got, late = fly(t, "-input", input, "-as-is", "-disorder", oneYear.String())
	sameLines(t, "hours in the file's order", got, whole)
	sameLines(t, "late in the file's order", late, "")
	inTime, tooLate := flightstest.Late(rows, byAircraft(4), oneDay)
	for range 2 {
		got, late = fly(t, "-input", input, "-as-is", "-partitions", "4")
		sameLines(t, "hours beyond the disorder", got, flightstest.Hours(inTime))
		sameLines(t, "late beyond the disorder", late, flightstest.Lines(tooLate))
	}
	t.Logf("%d flights are late in the file's order", len(tooLate))
}

func TestFlightsOfAWholeYearAreExactOnOneFourAndSixteenPartitions(t *testing.T) {
	rows, input := year(t)
	whole := flightstest.Hours(rows)
	for _, partitions := range []int{1, 4, 16} {
		t.Run(fmt.Sprint(partitions), func(t *testing.T) {
			c := sharedBroker(t).open(t, 5*time.Minute)
			args := []string{"-brokers", c.broker.address, "-input", input, "-partitions", fmt.Sprint(partitions)}
			got, late := fly(t, append(args, "-name", c.name)...)
			sameLines(t, "hours", got, whole)
			sameLines(t, "late", late, "")
			c.oneFinalEach(c.name, whole)
			inTime, tooLate := flightstest.Late(rows, byAircraft(partitions), oneDay)
			got, late = fly(t, append(args, "-name", c.name+"-as-is", "-as-is")...)
			sameLines(t, "hours beyond the disorder", got, flightstest.Hours(inTime))
			sameLines(t, "late beyond the disorder", late, flightstest.Lines(tooLate))
			c.oneFinalEach(c.name+"-as-is", flightstest.Hours(inTime))
		})
	}
}

// oneFinalEach checks that the topic of hours has each of them once.
func (c *cluster) oneFinalEach(name, want string) {
	c.t.Helper()
	finals := map[string]int{}
	for _, r := range c.reader(name + "-hours").read() {
		var hour struct{ Origin, Hour string }
		c.must(json.Unmarshal(r.Value, &hour))
		finals[hour.Origin+" "+hour.Hour]++
	}
	for hour, n := range finals {
		if n != 1 {
			c.t.Errorf("%s has %d finals", hour, n)
		}
	}
	if n := strings.Count(want, "\n"); len(finals) != n {
		c.t.Errorf("%d hours are final, want %d", len(finals), n)
	}
}

// TestFlightsOfInstancesThatComeAndGoAreExact feeds the year little by little, while two instances serve; at random moments one
// of them is stopped and another one takes its place. A last run, itself stopped and begun anew, computes to the end.
func TestFlightsOfInstancesThatComeAndGoAreExact(t *testing.T) {
	rows, _ := year(t)
	inTime, tooLate := flightstest.Late(rows, byAircraft(4), oneDay)
	for _, test := range []struct {
		name            string
		fed             []flightstest.Row
		inTime, tooLate []flightstest.Row
	}{
		{"by day", flightstest.ByDay(rows), rows, nil},
		{"in the file's order", rows, inTime, tooLate},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			c := sharedBroker(t).open(t, 5*time.Minute)
			c.topic("departures", 4)
			serving := [2]*instance{c.serve("first"), c.serve("second")}
			for i := 0; len(test.fed) > 0; i++ {
				n := min(1+random.IntN(60_000), len(test.fed))
				c.depart(test.fed[:n])
				test.fed = test.fed[n:]
				at := random.IntN(2)
				serving[at].end()
				serving[at] = c.serve(fmt.Sprint("again", i))
			}
			for _, s := range serving {
				s.end()
			}
			last := []string{"-brokers", c.broker.address, "-name", c.name, "-input", os.DevNull}
			c.interrupted(last, time.Duration(random.IntN(3000))*time.Millisecond)
			got, late := fly(t, last...)
			sameLines(t, "hours", got, flightstest.Hours(test.inTime))
			sameLines(t, "late", late, flightstest.Lines(test.tooLate))
			c.oneFinalEach(c.name, flightstest.Hours(test.inTime))
		})
	}
}

// depart writes rows to the topic of departures, as another program would.
func (c *cluster) depart(rows []flightstest.Row) {
	c.t.Helper()
	partition := byAircraft(4)
	records := make([]*kgo.Record, len(rows))
	for i, r := range rows {
		records[i] = &kgo.Record{Topic: c.name + "-departures", Partition: int32(partition(r)), Key: []byte(r.Tail), Value: []byte(r.JSON())}
	}
	c.produce(records...)
}

// instance is a process that serves.
type instance struct {
	c      *cluster
	name   string
	cmd    *exec.Cmd
	stop   context.CancelFunc
	stderr bytes.Buffer
}

func (c *cluster) serve(name string) *instance {
	c.t.Helper()
	s := &instance{c: c, name: name}
	s.start("-brokers", c.broker.address, "-name", c.name, "-output", os.DevNull)
	return s
}

// start starts the application; stop asks it to end, as the end of the test does.
func (s *instance) start(args ...string) {
	s.c.t.Helper()
	ctx, stop := context.WithCancel(s.c.ctx)
	s.cmd, s.stop = exec.CommandContext(ctx, flights(s.c.t), args...), stop
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.Stderr = &s.stderr
	s.c.must(s.cmd.Start())
	s.c.t.Cleanup(stop)
}

// end stops the process, which must end without a fault.
func (s *instance) end() {
	s.c.t.Helper()
	s.stop()
	if err := s.cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		s.c.t.Errorf("instance %s ended with %v and wrote\n%s", s.name, err, &s.stderr)
	}
}

// interrupted runs the application to its end, or stops it after a while.
func (c *cluster) interrupted(args []string, after time.Duration) {
	c.t.Helper()
	s := &instance{c: c}
	s.start(append(args, "-output", os.DevNull)...)
	timer := time.AfterFunc(after, s.stop)
	defer timer.Stop()
	err := s.cmd.Wait()
	c.t.Logf("stopped after %s: %v %s", after, err, &s.stderr)
	var exit *exec.ExitError
	if errors.As(err, &exit) && !strings.Contains(s.stderr.String(), "stopped before the end of the input") {
		c.t.Errorf("a stop ended with %v and wrote\n%s", err, &s.stderr)
	}
}
