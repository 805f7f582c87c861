package kafka

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// While brokers are gone a worker says so now and then, and how often it was so; another error is said at once.
func TestTheSameErrorOfTheGroupIsToldNowAndThen(t *testing.T) {
	var r rejoining
	gone, other := errors.New("unable to dial"), errors.New("not coordinator")
	at := time.Unix(1e9, 0)
	var told []int
	say := func(err error, n int, every time.Duration) {
		for range n {
			if times, now := r.tell(err, at); now {
				told = append(told, times)
			}
			at = at.Add(every)
		}
	}
	say(gone, 50, 500*time.Millisecond) // 25 s
	say(other, 1, 0)
	say(gone, 1, 0)
	if want := []int{1, 20, 20, 10, 1}; !slices.Equal(told, want) {
		t.Errorf("it is told %v, should be %v", told, want)
	}
}
