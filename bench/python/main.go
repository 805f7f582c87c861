// Command python measures map.filter.sink in Millrace against streaming libraries of Python, over the same numbers.
//
//	go run ./bench/python [-rounds 5] [-python python3] [-venv FOLDER] [-strict]
//
// The libraries, pinned in requirements.txt, are installed from PyPI into a virtual environment the first time. Where there
// is no Python, or they cannot be installed, it says so and ends with exit code 0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

const (
	batch     = 1000 // elements; chains.py has the same
	threshold = 20   // times faster than the best library
)

// forms are the ways in which the numbers come. The operators see elements in the first two, and whole batches in the last.
var forms = []form{
	{"elements", 50_000, []side{{"millrace, Emit", emitElements, 0}}},
	{"batches", 200_000, []side{{"millrace, Emit", emitBatches, threshold}, {"millrace, a topic in memory", readTopic, 0}}},
	{"sequences", 2_000_000, []side{{"millrace, Emit", emitSequences, threshold}, {"a loop in Go", loopSequences, 0}}},
}

func main() {
	rounds := flag.Int("rounds", 5, "`runs` of each side")
	interpreter := flag.String("python", "python3", "`command` of the Python that makes the virtual environment")
	folder := flag.String("venv", "", "`folder` of the virtual environment; none: one in the user's cache folder")
	strict := flag.Bool("strict", false, "exit with 1 where a threshold is missed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	passed, err := measure(ctx, *rounds, *interpreter, *folder)
	switch {
	case errors.Is(err, errMissing):
		fmt.Println("SKIP", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case *strict && !passed:
		os.Exit(1)
	}
}

func measure(ctx context.Context, rounds int, interpreter, folder string) (passed bool, err error) {
	if rounds < 1 {
		return false, fmt.Errorf("-rounds %d: at least 1", rounds)
	}
	libraries, err := install(ctx, interpreter, folder)
	if err != nil {
		return false, err
	}
	passed = true
	for _, f := range forms {
		ok, err := f.race(ctx, libraries.sides(f.name), rounds)
		if err != nil {
			return false, err
		}
		passed = passed && ok
	}
	return passed, nil
}
