// Command kafka measures Millrace against programs written by hand, on a real broker.
//
//	go run ./bench/kafka -what passthrough|wordcount|lag [-pairs 7] [-records N] [-brokers LIST]
//
// Without -brokers it starts a broker in a container. Both sides run in turn, each run as a process of its own
// with a new group and new topics; each output is checked for completeness. It prints every run, the medians of the
// ratios and whether they reach the thresholds; with -strict a missed one makes the exit code 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// config is what the command line says.
type config struct {
	what    string
	brokers []string
	records int
	pairs   int
	clients int
	only    string
	strict  bool
	profile string
	timeout time.Duration

	side           string // set in a child
	group, in, out string // of a child
}

// partitions of all topics that records are read from.
const partitions = 4

func parse() config {
	var c config
	var brokers string
	flag.StringVar(&c.what, "what", "passthrough", "`workload`: passthrough, wordcount or lag")
	flag.StringVar(&brokers, "brokers", "", "`addresses` of a broker to use, separated by commas; none: start one in a container")
	flag.IntVar(&c.records, "records", 0, "records of input; 0: 1,000,000, for lag 5,000,000")
	flag.IntVar(&c.pairs, "pairs", 7, "`runs` of each side")
	flag.IntVar(&c.clients, "clients", 0, "clients (workers) of each side; 0: 2, for the peer of passthrough the better of 1 and 2")
	flag.StringVar(&c.only, "only", "", "run one `side` only: peer or millrace")
	flag.BoolVar(&c.strict, "strict", false, "exit with 1 where a threshold is missed")
	flag.StringVar(&c.profile, "profile", "", "`folder` for a processor profile of each side's last run")
	flag.DurationVar(&c.timeout, "timeout", 3*time.Minute, "for one run")
	flag.StringVar(&c.side, "side", "", "internal: run as this `side`")
	flag.StringVar(&c.group, "group", "", "internal: group of the side")
	flag.StringVar(&c.in, "in", "", "internal: input topic of the side")
	flag.StringVar(&c.out, "out", "", "internal: output topic of the side")
	flag.Parse()
	if brokers != "" {
		c.brokers = strings.Split(brokers, ",")
	}
	if c.records == 0 {
		c.records = 1_000_000
		if c.what == "lag" {
			c.records = 5_000_000
		}
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

func run(ctx context.Context, c config) (err error) {
	if c.side != "" {
		return runSide(ctx, c)
	}
	work, ok := workloads[c.what]
	if !ok {
		return fmt.Errorf("no workload %q: passthrough, wordcount or lag", c.what)
	}
	if len(c.brokers) == 0 {
		b, err := startBroker(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.stop()) }()
		c.brokers = []string{b.addr}
	}
	h, err := newHarness(c)
	if err != nil {
		return err
	}
	defer h.close()
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(b), " ")
		fmt.Printf("load of the machine at the start: %s on %d cores; other work makes the figures vary\n", load, runtime.NumCPU())
	}
	passed, err := work(ctx, h)
	if err == nil && c.strict && !passed {
		err = errMissed
	}
	return err
}

// workloads by name; each says whether its thresholds were reached.
var workloads = map[string]func(context.Context, *harness) (bool, error){
	"passthrough": passthrough,
	"wordcount":   wordcount,
	"lag":         lag,
}
