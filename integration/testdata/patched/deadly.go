// Package deadly ends the process as kill -9 does, at a place of the code, and tells what a process restores.
package deadly

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// The environment says where: the name of a place, a colon, and which time that it is come to, from 1 on.
const (
	placeVariable    = "MILLRACE_DEADLY"
	restoredVariable = "MILLRACE_RESTORED" // a file
	flushesVariable  = "MILLRACE_FLUSHES"  // set: each batch comes into a file at once
)

var (
	place, number = told()

	mu   sync.Mutex // guards seen and the file
	seen int
)

func told() (place string, number int) {
	place, text, _ := strings.Cut(os.Getenv(placeVariable), ":")
	if text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		number = n
	}
	return place, number
}

// At ends the process where this is the place and the time.
func At(here string) {
	if Reached(here) {
		Die()
	}
}

// Reached says that this is the place and the time.
func Reached(here string) bool {
	if here != place {
		return false
	}
	mu.Lock()
	defer mu.Unlock()
	seen++
	return seen == number
}

// Die ends the process: nothing of it runs any more.
func Die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}

// Flushes says that each batch comes into a file at once.
func Flushes() bool { return os.Getenv(flushesVariable) != "" }

// Restored tells of a run of a changelog that a store on disk is given.
func Restored(partition int32, first int64, records int, anew bool) {
	path := os.Getenv(restoredVariable)
	if path == "" {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "{\"Partition\":%d,\"First\":%d,\"Records\":%d,\"Anew\":%t}\n", partition, first, records, anew)
}
