package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/bench/peer"
	"github.com/millrace/millrace/bench/report"
	"github.com/twmb/franz-go/pkg/kgo"
)

// job is what a side is to do, in its own process, until its context ends.
type job struct {
	config
	options []kgo.Opt    // for every client of the side
	done    atomic.Int64 // to be counted by the sink of lag
}

const (
	flushInterval = 100 * time.Millisecond
	lagBudget     = 64 << 20
	sinkDelay     = time.Millisecond
)

// sides by name and workload. A side serves until ctx ends, then drains.
var sides = map[string]map[string]func(context.Context, *job) error{
	handWritten: {"passthrough": peerPassthrough, "wordcount": peerWordCount},
	millrace:    millraceSides,
}

func peerPassthrough(ctx context.Context, j *job) error {
	if j.guarantee == exactlyOnce {
		return peer.PassthroughExactlyOnce(ctx, j.byHand())
	}
	return peer.Passthrough(ctx, j.byHand())
}

func peerWordCount(ctx context.Context, j *job) error { return peer.WordCount(ctx, j.byHand()) }

func (j *job) byHand() peer.Config {
	return peer.Config{
		Brokers: j.brokers, Group: j.group, In: j.in, Out: j.out, Clients: j.clients,
		Commit: j.commit, Flush: flushInterval, Options: j.options,
	}
}

// runSide is the main program of a child: it works until it is told to stop, and prints what it has seen, as
// lines of JSON: for lag one every 100 ms, and one at the end.
func runSide(ctx context.Context, c config) error {
	work := sides[c.side][c.what]
	if work == nil {
		return fmt.Errorf("side %q has no workload %q", c.side, c.what)
	}
	file := ""
	if c.profile != "" {
		file = filepath.Join(c.profile, c.what+"-"+c.side+".pprof")
	}
	return report.Profile(file, func() error { return c.work(ctx, work) })
}

// work does a side's work, and prints how far it is.
func (c config) work(ctx context.Context, work func(context.Context, *job) error) error {
	p := &probe{in: c.in, out: c.out}
	j := &job{config: c, options: []kgo.Opt{kgo.WithHooks(p)}}
	print := func() error {
		s := p.now()
		s.Done = j.done.Load()
		return json.NewEncoder(os.Stdout).Encode(s)
	}
	if c.what != "lag" {
		if err := work(ctx, j); err != nil {
			return err
		}
		return print()
	}
	ended := make(chan error, 1)
	go func() { ended <- work(ctx, j) }()
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			return print()
		case <-tick.C:
			if err := print(); err != nil {
				return err
			}
		}
	}
}
