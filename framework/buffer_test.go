package framework_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestBufferPassesRecordsAsTheyAre(t *testing.T) {
	for _, room := range []int{0, 1, 10} {
		checkStream(t, func(s framework.Stream[string, int]) { s.Buffer(room).To(results) },
			check{fmt.Sprint("keys, times and order, with room for ", room), "a=1@10 b=2@5 -=3@20", "a=1@10 b=2@5 -=3@20"},
			check{fmt.Sprint("tombstones, with room for ", room), "a=1@10 a=-@20", "a=1@10 a=-@20"},
		)
	}
}

func TestHeadersThatWaitInABufferAreACopy(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).RateLimit(1, time.Second).Buffer(5).To(results) })
	for n := range 2 {
		d.PipeRecord(numbers, record{Key: "a", Value: n + 1, Time: at(10), Headers: []framework.Header{{Key: "h", Value: []byte{'0' + byte(n)}}}})
	}
	d.AdvanceClock(time.Second)
	for n, r := range d.Read(results) {
		if len(r.Headers) != 1 || r.Headers[0].Key != "h" || string(r.Headers[0].Value) != fmt.Sprint(n) {
			t.Errorf("record %d has headers %v", n, r.Headers)
		}
	}
}

func TestStateBehindABufferIsLoggedAndRestored(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Buffer(2).Scan("total", 0, add).Buffer(2).To(results)
	})
	pipeText(d, "in", "a=1@10 a=2@20")
	d.Rebuild()
	pipeText(d, "in", "a=4@30")
	if got := readText(d, "out"); got != "a=1@10 a=3@20 a=7@30" {
		t.Errorf("got %s", got)
	}
}

func TestWhatFailsBehindABufferIsReadAgain(t *testing.T) {
	healthy := false
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers).Buffer(4)
		s.To(results)
		s.ForEach(func(_ context.Context, n int) error {
			if n == 2 && !healthy {
				return errBroken
			}
			return nil
		})
	})
	pipeText(d, "in", "a=1@10")
	err := d.TryPipeRaw("in", rawOf("a=2@20"))
	if want := "operator for-each 3, topic in, partition 0, offset 1: broken on purpose"; err == nil || err.Error() != want || !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %s", err, want)
	}
	readText(d, "out")
	healthy = true
	d.Rebuild()
	if got := readText(d, "out"); got != "a=2@20" {
		t.Errorf("after the restart came %q", got)
	}
}

func TestDropsBehindABufferAreCounted(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Buffer(4).Scan("total", 0, add).To(results) })
	pipeText(d, "in", "-=1@10")
	equalDropped(t, d, map[string]int64{"null_key": 1})
}

func ExampleStream_Buffer() {
	source := framework.NewInput[int]("numbers")
	t := framework.New()
	leave := make(chan bool)
	t.From(source).Buffer(2).ForEach(func(context.Context, int) error { <-leave; return nil })
	stop, err := t.Start(context.Background(), framework.Config{})
	if err != nil {
		panic(err)
	}
	for n := range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		fmt.Println(source.Emit(ctx, n))
		cancel()
	}
	close(leave)
	fmt.Println(stop())
	// Output:
	// <nil>
	// <nil>
	// emit into numbers: context deadline exceeded
	// <nil>
}
