package state_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/state"
)

// due is a number with its time, as a list has it.
type due struct {
	time   int64
	number int32
}

// A schedule is a list that is sorted by time, with what was added first ahead at one time.
func TestAScheduleGivesNumbersInTheOrderOfTheirTimes(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var s state.Schedule
		var list []due
		for step := range 300 {
			switch rng.IntN(7) {
			case 0, 1, 2:
				d := due{int64(rng.IntN(12)) - 3, int32(step)}
				s.Add(d.time, d.number)
				list = append(list, d)
				slices.SortStableFunc(list, func(a, b due) int { return int(a.time - b.time) })
			case 3, 4, 5:
				if len(list) == 0 {
					continue
				}
				if next := s.Next(); next != list[0].time {
					t.Fatalf("seed %d: next is %d, not %d", seed, next, list[0].time)
				}
				if number := s.Take(); number != list[0].number {
					t.Fatalf("seed %d: %d is taken, not %d", seed, number, list[0].number)
				}
				list = list[1:]
			case 6: // the earliest time's in another order
				if len(list) == 0 {
					continue
				}
				compare := func(a, b int32) int { return int(b - a) }
				s.Sort(compare)
				n := s.Ahead()
				slices.SortFunc(list[:n], func(a, b due) int { return compare(a.number, b.number) })
			}
			ahead := 0
			for ahead < len(list) && list[ahead].time == list[0].time {
				ahead++
			}
			if s.Len() != len(list) || s.Ahead() != ahead {
				t.Fatalf("seed %d: %d numbers and %d ahead, not %d and %d", seed, s.Len(), s.Ahead(), len(list), ahead)
			}
		}
	}
	if next := new(state.Schedule).Next(); next != math.MaxInt64 {
		t.Errorf("an empty schedule has %d", next)
	}
}

func TestAFilterLeavesEachNumberThatStandsOnce(t *testing.T) {
	for _, once := range []bool{false, true} {
		var s state.Schedule
		for _, n := range [][2]int64{{10, 1}, {20, 1}, {20, 2}, {20, 1}, {30, 3}, {30, 2}, {40, 3}} {
			s.Add(n[0], int32(n[1]))
		}
		s.Take()
		s.Add(10, 1)
		s.Filter(once, func(time int64, number int32) bool { return number != 3 || time == 40 })
		var got []string
		for s.Len() > 0 {
			got = append(got, fmt.Sprint(s.Next(), ":", s.Take()))
		}
		want := "10:1 20:1 20:2 30:2 40:3"
		if once {
			want = "10:1 20:2 40:3"
		}
		if strings.Join(got, " ") != want {
			t.Errorf("once %t: it has %v, it should have %s", once, got, want)
		}
	}
}
