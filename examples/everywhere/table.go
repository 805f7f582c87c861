package everywhere

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// example is a graph with what goes in and what is to come out. Values are JSON, with spaces between them.
type example struct {
	name   string
	in     []input
	build  func(at place, db *database) graph
	want   map[string]string              // by topic; "database": what was written to one
	settle func(values []string) []string // takes off what luck decides; nil: nothing
}

// input is a topic with the values of each of its partitions. Those of a later input have a later time.
type input struct {
	topic      string
	partitions []string
}

func numbers(values ...string) []input { return []input{{"in", values}} }

// upFrom returns n numbers.
func upFrom(first, n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprint(&all, " ", first+i)
	}
	return all.String()[1:]
}

// counted returns the rows where each digit was counted as often.
func counted(count int64) string {
	rows := make([]string, 10)
	for d := range rows {
		rows[d] = fmt.Sprintf(`{"Digit":%d,"Count":%d}`, d, count)
	}
	return strings.Join(rows, " ")
}

func examples() []example {
	return []example{
		{
			name: "chain", in: numbers("1 2 3 4 5"), want: map[string]string{"out": "2 6 12"},
			build: func(at place, _ *database) graph { return chain(from[int](at, "in"), to[int](at, "out")) },
		},
		{
			name: "branches", in: numbers("1 2 3 4 5"), want: map[string]string{"evens": "2 6 12", "odds": "-3 -8"},
			build: func(at place, _ *database) graph {
				return branches(from[int](at, "in"), to[int](at, "evens"), to[int](at, "odds"))
			},
		},
		{
			name: "combine-latest", in: []input{{"first", []string{"1 2 3 4 5"}}, {"second", []string{"10 20"}}},
			want: map[string]string{"out": "15 25"},
			build: func(at place, _ *database) graph {
				return combineLatest(from[int](at, "first"), from[int](at, "second"), to[int](at, "out"))
			},
		},
		{
			name: "write-to-database", in: numbers("1 2 3 4 5"), want: map[string]string{"database": "2 5 9 14 20"},
			build: func(at place, db *database) graph { return writeToDatabase(from[int](at, "in"), db.write) },
		},
		{
			name: "buffer", in: numbers(upFrom(1, 2000)), want: map[string]string{"out": upFrom(3, 2000)},
			build: func(at place, _ *database) graph { return buffered(from[int](at, "in"), to[int](at, "out")) },
		},
		{
			name: "rate-limit", in: numbers(upFrom(1, 100)), want: map[string]string{"out": upFrom(2, 100)},
			build: func(at place, _ *database) graph { return rateLimited(from[int](at, "in"), to[int](at, "out")) },
		},
		{
			name: "timed-window", in: numbers(upFrom(1, 2000)), want: map[string]string{"out": upFrom(2, 2000)}, settle: flat,
			build: func(at place, _ *database) graph { return timedWindow(from[int](at, "in"), to[[]int](at, "out")) },
		},
		{
			name: "fibonacci", in: numbers("0 1"), want: map[string]string{"out": "1 2 3 5 8 13 21 34 55"},
			build: func(at place, _ *database) graph { return fibonacci(from[int](at, "in"), to[int](at, "out")) },
		},
		{
			name: "own-filter", in: numbers("1 2 3 4 5"), want: map[string]string{"out": "2 4"},
			build: func(at place, _ *database) graph { return ownFilter(from[int](at, "in"), to[int](at, "out")) },
		},
		{
			name: "batches", in: numbers("[1,2,3] [] [4,5]"), want: map[string]string{"out": "[2,3,4] [5,6]"},
			build: func(at place, _ *database) graph { return batches(from[[]int](at, "in"), to[[]int](at, "out")) },
		},
		{
			name: "cluster", in: numbers(upFrom(1, 1000), upFrom(2, 1000), upFrom(3, 1000), upFrom(4, 1000)),
			want:   map[string]string{"out": counted(400)},
			settle: final,
			build:  func(at place, _ *database) graph { return cluster(from[int](at, "in"), to[row](at, "out")) },
		},
	}
}

// database is what a sink of the user's own writes to.
type database struct {
	mu   sync.Mutex // guards rows
	rows []string
}

func (db *database) write(_ context.Context, n int) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.rows = append(db.rows, fmt.Sprint(n))
	return nil
}

// flat returns the elements of batches.
func flat(values []string) []string {
	return strings.FieldsFunc(strings.Join(values, ","), func(c rune) bool { return strings.ContainsRune("[],", c) })
}

// final returns the last row of each digit, by digit: how many come before it, and their order between digits, is luck.
func final(values []string) (rows []string) {
	last := map[int]string{}
	var digits []int
	for _, v := range values {
		var r row
		if err := json.Unmarshal([]byte(v), &r); err != nil {
			return append(rows, v) // which is not what is wanted
		}
		last[r.Digit] = v
		digits = append(digits, r.Digit)
	}
	slices.SortFunc(digits, cmp.Compare)
	for _, d := range slices.Compact(digits) {
		rows = append(rows, last[d])
	}
	return rows
}
