// Command store measures stores that are kept in a folder or restored from brokers, against what one writes by hand with Pebble,
// franz-go and a Go map.
//
//	go run ./bench/store -what disk|restart|restore [-pairs 5] [-cpuprofile FOLDER] [-strict] [-brokers LIST]
//
// Both sides run in turn with the same records, and what they end up with is checked. It prints every run, the medians of the ratios
// and whether they reach the thresholds; with -strict a missed one makes the exit code 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/millrace/millrace/bench/broker"
	"github.com/millrace/millrace/bench/report"
)

// config is what the command line says.
type config struct {
	what    string
	keys    int
	records int
	pairs   int
	memory  int64  // bytes, of each side's store
	folder  string // for what is kept on disk
	only    string
	strict  bool
	profile string
	brokers []string

	side string // set in a child
	app  string // of a child
}

// The sides.
const (
	byHand   = "by hand"
	millrace = "millrace"
)

func parse() config {
	var c config
	var brokers string
	flag.StringVar(&c.what, "what", "disk", "`measurement`: "+strings.Join(slices.Sorted(maps.Keys(measurements)), ", "))
	flag.IntVar(&c.keys, "keys", 0, "`number` of keys; 0: 1,000,000, for restart 10,000,000, for restore 2,000,000")
	flag.IntVar(&c.records, "records", 500_000, "`number` of records of each run of disk")
	flag.IntVar(&c.pairs, "pairs", 5, "`runs` of each side")
	flag.Int64Var(&c.memory, "memory", 128<<20, "`bytes` of memory of each side's store on disk")
	flag.StringVar(&c.folder, "folder", "", "`folder` for what is kept on disk; none: a temporary one")
	flag.StringVar(&c.only, "only", "", "contests whose name contains this `text`")
	flag.BoolVar(&c.strict, "strict", false, "exit with 1 where a threshold is missed")
	flag.StringVar(&c.profile, "cpuprofile", "", "`folder` for a processor profile of each side's last run")
	flag.StringVar(&brokers, "brokers", "", "`addresses` of a broker to use, separated by commas; none: start one in a container")
	flag.StringVar(&c.side, "side", "", "internal: run as this `side`")
	flag.StringVar(&c.app, "app", "", "internal: `name` of the application")
	flag.Parse()
	if brokers != "" {
		c.brokers = strings.Split(brokers, ",")
	}
	if c.keys == 0 {
		c.keys = map[string]int{"disk": 1_000_000, "restart": 10_000_000, "restore": 2_000_000}[c.what]
	}
	return c
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, parse()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

var errMissed = errors.New("a threshold was missed")

// measurements by name; each says whether its thresholds were reached.
var measurements = map[string]func(context.Context, config) (bool, error){
	"disk":    raceOnDisk,
	"restart": raceToRestart,
	"restore": raceToRestore,
}

func run(ctx context.Context, c config) (err error) {
	measure := measurements[c.what]
	if measure == nil {
		return fmt.Errorf("-what %q: %s", c.what, strings.Join(slices.Sorted(maps.Keys(measurements)), ", "))
	}
	if c.side == "" {
		report.Load()
	}
	if c.folder == "" {
		if c.folder, err = os.MkdirTemp("", "bench-store"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.folder)) }()
	}
	if c.what != "disk" && len(c.brokers) == 0 {
		b, failed := broker.Start(ctx, true)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, b.Stop()) }()
		c.brokers = []string{b.Addr}
	}
	passed, err := measure(ctx, c)
	if err == nil && c.strict && !passed {
		err = errMissed
	}
	return err
}
