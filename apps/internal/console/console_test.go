package console

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
)

func TestProgressSaysRecordsTheirRateOverASecondAndTheLag(t *testing.T) {
	var stats framework.Stats
	line := Counting(func() framework.Stats { return stats })
	now := time.Unix(0, 0)
	var last string
	for range 20 {
		stats.In, stats.Lag = stats.In+123_456, 1_234
		now = now.Add(progressInterval)
		last = line(now)
	}
	if want := "counting: 2,469,120 records · 617,280 records/s · lag 1,234"; last != want {
		t.Errorf("got %q, want %q", last, want)
	}
}

func TestProgressSaysHowMuchIsFed(t *testing.T) {
	var fed atomic.Int64
	line := Feeding(&fed, "row")
	now := time.Unix(0, 0)
	var last string
	for range 20 {
		fed.Add(100_000)
		now = now.Add(progressInterval)
		last = line(now)
	}
	if want := "feeding: 2,000,000 rows · 500,000 rows/s"; last != want {
		t.Errorf("got %q, want %q", last, want)
	}
}

func TestALogLineTakesThePlaceOfTheProgressLine(t *testing.T) {
	var b bytes.Buffer
	c := New(&b)
	c.show("one")
	c.show("two")
	fmt.Fprintln(c, "a warning")
	fmt.Fprintln(c, "another")
	c.show("three")
	if want := "\rone\x1b[K\rtwo\x1b[K\r\x1b[Ka warning\nanother\n\rthree\x1b[K"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestOnlyATerminalShowsProgress(t *testing.T) {
	var b bytes.Buffer
	hide := New(&b).Progress(func(time.Time) string { panic("not on a terminal") })
	hide()
	if b.Len() > 0 {
		t.Errorf("wrote %q", b.String())
	}
	c := &Console{to: &b, terminal: true}
	shown := make(chan bool)
	hide = c.Progress(func(time.Time) string { <-shown; return "line" })
	shown <- true
	close(shown)
	hide()
	if want := "\rline\x1b[K"; !bytes.HasPrefix(b.Bytes(), []byte(want)) || !bytes.HasSuffix(b.Bytes(), []byte("\r\x1b[K")) {
		t.Errorf("got %q, want the line shown and taken away", b.String())
	}
}
