package kafka

import (
	"fmt"
	"testing"
	"time"
)

func mk(I, parts, procs, workers int) assignment {
	a := assignment{}
	for range I {
		a.tasks = append(a.tasks, int32(parts))
	}
	for p := range procs {
		for w := range workers {
			e := make([]bool, I)
			for i := range e {
				e[i] = true
			}
			a.members = append(a.members, member{id: fmt.Sprint(p, "-", w), process: fmt.Sprint(p), capacity: 1, eligible: e})
		}
	}
	return a
}

func TestZZ(t *testing.T) {
	for _, c := range [][4]int{{2, 4, 1, 2}, {10, 64, 4, 4}, {10, 100, 8, 16}, {5, 1000, 8, 16}, {10, 1000, 8, 16}, {20, 128, 8, 16}} {
		a := mk(c[0], c[1], c[2], c[3])
		st := time.Now()
		tg := a.target()
		d := time.Since(st)
		mn, mx := 1<<30, 0
		for m, ts := range tg {
			mn = min(mn, len(ts))
			mx = max(mx, len(ts))
			for _, x := range ts {
				a.members[m].claims = append(a.members[m].claims, claim{x, true})
			}
		}
		// lose one process
		b := a
		b.members = a.members[1:]
		st = time.Now()
		b.target()
		fmt.Println(c, d, mn, mx, time.Since(st))
	}
}
