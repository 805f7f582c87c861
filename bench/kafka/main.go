// Command kafka measures Millrace against programs written by hand and against Kafka Streams, on a real broker.
//
//	go run ./bench/kafka -what passthrough|uppercase|wordcount|unique|latency|lag [-guarantee exactly-once] [-peer kafka-streams]
//		[-pairs 7] [-records N] [-brokers LIST]
//
// Without -brokers it starts a broker in a container. Both sides run in turn, each run as a process of its own
// with a new group and new topics; each output is checked for completeness. It prints every run, the medians of the
// ratios and whether they reach the thresholds; with -strict a missed one makes the exit code 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/millrace/millrace/bench/broker"
	kafkastreams "github.com/millrace/millrace/bench/kafka-streams"
	"github.com/millrace/millrace/bench/report"
)

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
	if err := c.check(); err != nil {
		return err
	}
	if c.peer == kafkaStreams && c.what != "lag" && c.only != millrace {
		if c.streams, err = kafkastreams.Build(ctx); err != nil {
			return err
		}
	}
	if len(c.brokers) == 0 {
		b, err := broker.Start(ctx, false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.Stop()) }()
		c.brokers = []string{b.Addr}
	}
	h, err := newHarness(c)
	if err != nil {
		return err
	}
	defer h.close()
	report.Load()
	passed, err := workloads[c.what](ctx, h)
	if err == nil && c.strict && !passed {
		err = errMissed
	}
	return err
}

// workloads by name; each says whether its thresholds were reached.
var workloads = map[string]func(context.Context, *harness) (bool, error){
	"passthrough": passthrough,
	"uppercase":   passthrough,
	"wordcount":   wordcount,
	"unique":      unique,
	"latency":     latency,
	"lag":         lag,
}
