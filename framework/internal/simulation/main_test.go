package simulation_test

import (
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
)

// combinations counts the runs of all tests: of an input, a graph and a schedule each.
var combinations atomic.Int64

// leastCombinations is how many a whole run of the tests has to have.
const leastCombinations = 2000

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	n := combinations.Load()
	fmt.Printf("%d combinations of graph, input and schedule; -seeds %d of each graph, from seed 1 on\n", n, *seeds)
	if whole := flag.Lookup("test.run").Value.String() == "" && *seed == 0 && *seeds >= seedsDefault; code == 0 && whole && !raced && n < leastCombinations {
		fmt.Printf("that is fewer than %d\n", leastCombinations)
		code = 1
	}
	os.Exit(code)
}
