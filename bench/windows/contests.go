package main

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

// contest is what is compared.
type contest struct {
	name, otherName string
	records         int
	record          func(i int) connector.Record // the i-th
	side, other     func() side
	comparable      bool    // both sides have the same results
	atLeast         float64 // of the other side's throughput; 0: it is only reported
}

const minute = int64(time.Minute / time.Millisecond)

// cases are the contests. In order there are ten windows one after the other; shuffled, a thousand are open at any time.
func cases(records, keys int) []contest {
	names := make([][]byte, keys)
	for i := range names {
		names[i] = fmt.Appendf(nil, "key-%d", i)
	}
	at := func(i int, time int64) connector.Record {
		return connector.Record{Offset: int64(i), Time: time, Key: names[mix(uint64(i))%uint64(keys)], Value: []byte{}}
	}
	span := 10 * 60 * minute // of all records
	inOrder := func(i int) connector.Record { return at(i, int64(i)*span/int64(records)) }
	open := int64(1000)
	shuffled := func(i int) connector.Record { // within a thousand minutes
		return at(i, int64(i)*span/int64(records)+int64(mix(uint64(i)+1<<40)%uint64(open*minute)))
	}
	hour, disorder := 60*time.Minute, time.Duration(open)*time.Minute
	tumbling := func(size, disorder time.Duration) func() side {
		return func() side {
			return newTask(nil, disorder, func(g framework.Grouped[string, []byte]) framework.Windowed[string, []byte] { return g.Tumbling(size) })
		}
	}
	hopping := func(size, advance time.Duration) func() side {
		return func() side {
			return newTask(nil, 0, func(g framework.Grouped[string, []byte]) framework.Windowed[string, []byte] {
				return g.Hopping(size, advance)
			})
		}
	}
	loop := func(size, disorder time.Duration) func() side {
		return func() side { return newLoop(size, disorder) }
	}
	aside := func() side { // there is memory for a part of them
		return newTask(openFolder(64<<20), disorder, func(g framework.Grouped[string, []byte]) framework.Windowed[string, []byte] {
			return g.Tumbling(time.Minute)
		})
	}
	return []contest{
		{"tumbling, in order", "a loop over maps", records, inOrder, tumbling(hour, 0), loop(hour, 0), true, 0.3},
		{"tumbling, shuffled over 1,000 open windows", "a loop over maps", records, shuffled, tumbling(time.Minute, disorder), loop(time.Minute, disorder), true, 0.3},
		{"tumbling, shuffled over 10 open windows", "over 1,000", records, shuffled, tumbling(100*time.Minute, disorder), tumbling(time.Minute, disorder), false, 0},
		{"hopping, 60 windows a record, on close", "tumbling", records, inOrder, hopping(hour, time.Minute), tumbling(hour, 0), false, 0.2},
		{"tumbling, 1,000 open windows, mostly on disk", "in memory", records / 10, shuffled, aside, tumbling(time.Minute, disorder), true, 0},
	}
}

// mix scatters numbers (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
