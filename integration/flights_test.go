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
	if n := bytes.Count(b, []byte("\n")); n > 0 && stderr.Len() == 0 {
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
			if partitions < 16 {
				return
			}
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
	t.Parallel() // most of it is waiting
	rows, _ := year(t)
	inTime, tooLate := flightstest.Late(rows, byAircraft(4), oneDay)
	for _, test := range []struct {
		name            string
		fed             []flightstest.Row
		inTime, tooLate []flightstest.Row
	}{
		{"by day", flightstest.ByDay(rows), rows, nil},
		{"as is", rows, inTime, tooLate},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			c := sharedBroker(t).open(t, 5*time.Minute)
			c.comeAndGo(rand.New(rand.NewPCG(seed, 0)), test.fed, 10, (*instance).end)
			got, late := fly(t, "-brokers", c.broker.address, "-name", c.name, "-input", os.DevNull)
			sameLines(t, "hours", got, flightstest.Hours(test.inTime))
			sameLines(t, "late", late, flightstest.Lines(test.tooLate))
			c.oneFinalEach(c.name, flightstest.Hours(test.inTime))
		})
	}
}

// TestFlightsOfInstancesThatAreKilledLoseNone: what was not committed is read again, so that there may be too many.
func TestFlightsOfInstancesThatAreKilledLoseNone(t *testing.T) {
	t.Parallel() // most of it is waiting
	rows, _ := year(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	c := sharedBroker(t).open(t, 5*time.Minute)
	c.comeAndGo(rand.New(rand.NewPCG(seed, 0)), flightstest.ByDay(rows), 3, (*instance).kill)
	got, _ := fly(t, "-brokers", c.broker.address, "-name", c.name, "-input", os.DevNull)
	counted, more := flightsByHour(t, got), int64(0)
	for hour, n := range flightsByHour(t, flightstest.Hours(rows)) {
		if counted[hour] < n {
			t.Errorf("%d flights are counted in %s, want %d at least", counted[hour], hour, n)
		}
		more += counted[hour] - n
	}
	t.Logf("%d flights too many", more)
}

// flightsByHour reads lines of hours.
func flightsByHour(t *testing.T, lines string) map[string]int64 {
	t.Helper()
	flights := map[string]int64{}
	for d := json.NewDecoder(strings.NewReader(lines)); d.More(); {
		var line struct {
			Origin, Hour string
			Flights      int64
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		flights[line.Origin+" "+line.Hour] = line.Flights
	}
	return flights
}

// comeAndGo feeds the rows in so many turns, at whose ends an instance is ended and another one takes its place, and computes
// most of them.
func (c *cluster) comeAndGo(random *rand.Rand, rows []flightstest.Row, turns int, end func(*instance)) {
	c.t.Helper()
	departures := c.topic("departures", 4)
	serving := [2]*instance{c.serve(), c.serve()}
	cut := func(turn int) int { return len(rows) / turns * turn }
	for turn := range turns - 1 {
		c.depart(rows[cut(turn):cut(turn+1)])
		seen := c.computed(departures)
		some := seen + random.Int64N(int64(cut(1)))
		c.until("some more are computed", func() (bool, error) {
			seen = c.computed(departures)
			return seen >= min(some, int64(cut(turn+1))), nil
		})
		at := random.IntN(2)
		end(serving[at])
		serving[at] = c.serve()
		c.t.Logf("instance %d goes, and another comes, after %d of %d", at+1, seen, cut(turn+1))
	}
	for _, s := range serving {
		s.end()
	}
	c.depart(rows[cut(turns-1):])
	for range 2 {
		c.interrupted(time.Duration(random.IntN(1200)) * time.Millisecond)
		c.t.Logf("%d of %d", c.computed(departures), len(rows))
	}
}

// computed is how many departures are committed.
func (c *cluster) computed(topic string) int64 {
	c.t.Helper()
	offsets, err := c.committed(c.name, topic)
	c.must(err)
	return sum(offsets)
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

// instance is a process of the application.
type instance struct {
	c      *cluster
	cmd    *exec.Cmd
	stop   context.CancelFunc // asks it to end, as a service is stopped
	stderr bytes.Buffer
}

func (c *cluster) flights(args ...string) *instance {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.ctx)
	args = append([]string{"-brokers", c.broker.address, "-name", c.name, "-output", os.DevNull}, args...)
	s := &instance{c: c, cmd: exec.CommandContext(ctx, flights(c.t), args...), stop: stop}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = time.Minute
	s.cmd.Stderr = &s.stderr
	c.must(s.cmd.Start())
	c.t.Cleanup(stop)
	return s
}

func (c *cluster) serve() *instance { return c.flights() }

// end stops an instance that serves, which must end without a fault.
func (s *instance) end() {
	s.c.t.Helper()
	s.stop()
	if err := s.ended(); err != nil {
		s.c.t.Errorf("an instance ended with %v and wrote\n%s", err, &s.stderr)
	}
}

// kill ends an instance as kill -9 does.
func (s *instance) kill() {
	s.c.t.Helper()
	s.c.must(s.cmd.Process.Kill())
	_ = s.cmd.Wait() // it says that it was killed
	s.stop()
}

// ended waits for the end of an instance that was stopped. One that had not begun dies of the signal.
func (s *instance) ended() error {
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if errors.Is(err, context.Canceled) || errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() && s.stderr.Len() == 0 {
		return nil
	}
	return err
}

// interrupted runs the application to the end of its input, or stops it after a while.
func (c *cluster) interrupted(after time.Duration) {
	c.t.Helper()
	s := c.flights("-input", os.DevNull)
	defer time.AfterFunc(after, s.stop).Stop()
	err := s.ended()
	if err != nil && !strings.Contains(s.stderr.String(), "stopped before the end of the input") {
		c.t.Errorf("a stop after %s ended with %v and wrote\n%s", after, err, &s.stderr)
	}
	c.t.Logf("stopped after %s: %v", after, err)
}
