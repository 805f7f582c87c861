package framework_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
)

func TestARateLimitInALoopLetsTheFirstRecordGoInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		source := framework.NewInput[int]("numbers")
		topology := framework.New()
		in, again := topology.From(source).Loop("again", 1)
		in.RateLimit(5, time.Second).
			Peek(func(int) { at = append(at, time.Since(began)) }).
			Map(func(n int) int { return n + 1 }).
			Filter(func(n int) bool { return n < 3 }).
			To(again)
		stop, err := topology.Start(context.Background(), framework.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := source.Emit(context.Background(), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond} {
			if i >= len(at) || at[i] != want {
				t.Fatalf("passed at %v, want 0s 200ms 400ms", at)
			}
		}
	})
}
