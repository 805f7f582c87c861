package main

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/apps/flights/flightstest"
	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var (
	departures = frameworktest.Topic("departures", codec.String, flightCodec).Disorder(24 * time.Hour)
	finals     = frameworktest.Topic("hours", codec.String, hourCodec)
	tooLate    = frameworktest.Topic("late", codec.String, flightCodec)
)

// graph is the topology on topics of so many partitions.
func graph(t *testing.T, partitions int) *frameworktest.Driver {
	t.Helper()
	return frameworktest.Config{Partitions: partitions}.New(t, topology(departures, finals, tooLate))
}

// pipe hands the flights of the rows to the graph, so many at a time, and calls between after each lot.
func pipe(d *frameworktest.Driver, flights iter.Seq2[row, error], lot func() int, between func()) {
	next, stop := iter.Pull2(flights)
	defer stop()
	for more := true; more; between() {
		d.Batch(func() {
			for range lot() {
				r, _, ok := next()
				if more = ok; !ok {
					return
				}
				d.Pipe(departures, r.Tail, r.Flight, time.UnixMilli(0))
			}
		})
	}
}

// written are the lines of the final hours, and how many finals there were.
func written(t *testing.T, d *frameworktest.Driver) (lines string, n int) {
	t.Helper()
	h := hours{}
	records := d.Read(finals)
	for _, r := range records {
		if end := r.Value.Hour.Add(time.Hour); r.Key != r.Value.Origin || !r.Time.Equal(end.Add(-time.Millisecond)) {
			t.Errorf("the final hour %v has the key %s and the time %s", r.Value, r.Key, r.Time)
		}
		h[place{r.Value.Origin, r.Value.Hour.Unix()}] = r.Value
	}
	var b bytes.Buffer
	if err := h.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String(), len(records)
}

func lateLines(t *testing.T, d *frameworktest.Driver) string {
	t.Helper()
	var l lates
	for _, r := range d.Read(tooLate) {
		line, err := flightCodec.Append(nil, r.Value)
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, string(line)+"\n")
	}
	var b bytes.Buffer
	if err := l.writeLines(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEachHourIsFinalOnceWhateverTheLotsAndRestarts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	all := sampleRows(t)
	for _, order := range []string{"by day", "as is"} {
		for _, partitions := range []int{1, 3, 16} {
			t.Run(fmt.Sprint(order, ", ", partitions), func(t *testing.T) {
				flights, inTime, late := ordered(rows(strings.NewReader(sample))), all, []flightstest.Row(nil)
				if order == "as is" {
					flights = rows(strings.NewReader(sample))
					inTime, late = flightstest.Late(all, byAircraft(partitions), 24*time.Hour)
				}
				d := graph(t, partitions)
				pipe(d, flights, func() int { return 1 + random.IntN(200) }, func() {
					if random.IntN(4) == 0 {
						d.Rebuild()
					}
				})
				d.End()
				lines, n := written(t, d)
				apptest.Same(t, lines, flightstest.Hours(inTime))
				apptest.Same(t, lateLines(t, d), flightstest.Lines(late))
				if want := strings.Count(lines, "\n"); n != want {
					t.Errorf("%d finals for %d hours", n, want)
				}
			})
		}
	}
}

func TestAnHourIsFinalWhenTheWatermarkIsAtItsEnd(t *testing.T) {
	d := graph(t, 2)
	at := func(hour int) time.Time { return time.Date(2013, 1, 1, hour, 0, 0, 0, time.UTC) }
	fly := func(hour int, tail string, delay int32) {
		d.Pipe(departures, tail, Flight{Hour: at(hour), Origin: "EWR", Tail: tail, Delay: &delay}, time.UnixMilli(0))
	}
	holds := func(want ...string) {
		t.Helper()
		lines, _ := written(t, d)
		apptest.Same(t, lines, strings.Join(want, ""))
	}
	fly(10, "A", 4)
	fly(11, "A", 0)
	fly(10, "A", 8)
	d.AdvanceWatermark(at(11).Add(-time.Millisecond))
	holds()
	fly(10, "A", 0)
	d.AdvanceWatermark(at(11))
	holds(hourLine(1, 10, "EWR", 3, "4"))
	fly(10, "A", 100)
	d.AdvanceWatermark(at(12))
	holds(hourLine(1, 11, "EWR", 1, "0"))
	if late := d.Read(tooLate); len(late) != 1 || *late[0].Value.Delay != 100 {
		t.Errorf("late are %v, want the flight that came last", late)
	}
}
