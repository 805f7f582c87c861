package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	latencyRate    = 10_000           // records a second
	latencyWarmUp  = 15 * time.Second // from the first output on; Java needs that
	latencyMeasure = 30 * time.Second
)

// latency measures how long it takes from the moment that a record is handed to a producer until its result is read by a reader of
// what is committed: pass-through and word count of one word a record, each side in turn.
func latency(ctx context.Context, h *harness) (bool, error) {
	h.printTerms()
	fmt.Printf("%d records/s for %v, after %v of the same for nothing\n", latencyRate, latencyMeasure, latencyWarmUp)
	passed := true
	for _, what := range []string{"passthrough", "wordcount"} {
		of := map[string][]percentiles{}
		for range h.pairs {
			for _, side := range []string{h.peer, millrace} {
				if h.only != "" && h.only != side {
					continue
				}
				got, err := h.delay(ctx, side, what)
				if err != nil {
					return false, fmt.Errorf("%s: %s: %w", what, side, err)
				}
				of[side] = append(of[side], got)
				fmt.Printf("%s, %-13s median %6.1f ms, 99th percentile %6.1f ms, longest %6.1f ms, of %d records\n",
					what, side, got.median, got.p99, got.longest, got.records)
			}
		}
		passed = h.latencyVerdict(what, of) && passed
	}
	return passed, nil
}

// latencyVerdict compares the medians of all runs with the other side's, and with the bounds that hold by themselves.
func (h *harness) latencyVerdict(what string, of map[string][]percentiles) bool {
	ours, theirs := of[millrace], of[h.peer]
	if len(ours) == 0 {
		return true
	}
	p50, p99 := median(ours, percentiles.half), median(ours, percentiles.most)
	passed := true
	if len(theirs) > 0 {
		passed = verdict(what+", median, ms", p50, "<=", median(theirs, percentiles.half))
		passed = verdict(what+", 99th percentile, ms", p99, "<=", median(theirs, percentiles.most)) && passed
	}
	if h.guarantee == atLeastOnce {
		bound := map[string]float64{"passthrough": 20, "wordcount": 60}[what]
		passed = verdict(what+", 99th percentile, ms", p99, "<=", bound) && passed
	}
	return passed
}

// percentiles are those of one run, in milliseconds.
type percentiles struct {
	median, p99, longest float64
	records              int
}

func (p percentiles) half() float64 { return p.median }
func (p percentiles) most() float64 { return p.p99 }

func percentilesOf(delays []time.Duration) percentiles {
	slices.Sort(delays)
	at := func(share float64) float64 {
		return float64(delays[int(share*float64(len(delays)-1))]) / float64(time.Millisecond)
	}
	return percentiles{at(0.5), at(0.99), at(1), len(delays)}
}

// delay measures one run of one side.
func (h *harness) delay(ctx context.Context, side, what string) (p percentiles, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	c := h.config
	h.runs++
	c.side, c.what, c.clients = side, what, max(h.clients, 1)
	if h.clients == 0 {
		c.clients = 2
	}
	c.group = fmt.Sprintf("%s-%d-%s", h.id, h.runs, side)
	c.in, c.out = c.group+"-in", c.group+"-out"
	if err := errors.Join(h.create(ctx, c.in, "delete"), h.prepareLatency(ctx, c)); err != nil {
		return p, err
	}
	k, err := startChild(c)
	if err != nil {
		return p, err
	}
	stopped := false
	defer func() {
		if !stopped {
			k.kill()
		}
	}()
	s := newStopwatch(what)
	delays, err := h.measure(ctx, k, c, s)
	if err != nil {
		return p, err
	}
	stopped = true
	if _, err := k.stop(); err != nil {
		return p, err
	}
	return percentilesOf(delays), h.clean(ctx, c.group)
}

func (h *harness) prepareLatency(ctx context.Context, c config) error {
	if c.what == "wordcount" {
		return h.prepareCount(ctx, c)
	}
	return h.create(ctx, c.out, "delete")
}

// measure feeds the side and reads what comes out, until all is measured.
func (h *harness) measure(ctx context.Context, k *child, c config, s *stopwatch) ([]time.Duration, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 3)
	running := 0
	start := func(run func() error) {
		running++
		go func() { ended <- run() }()
	}
	start(func() error { return h.feed(ctx, c.in, s) })
	start(func() error { return h.watch(ctx, c.out, s) })
	start(func() error { return k.alive(ctx, h.timeout) })
	var err error
	select {
	case <-s.measured:
	case err = <-ended:
		running--
		if err == nil {
			err = errors.New("not all was measured in time")
		}
	}
	stop()
	for range running {
		if e := <-ended; e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	return s.delays, err
}

// feed produces records at an even rate until ctx ends.
func (h *harness) feed(ctx context.Context, topic string, s *stopwatch) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.brokers...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	failed := make(chan error, 1)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for sent := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return fmt.Errorf("produce to %s: %w", topic, err)
		case now := <-tick.C:
			for due := int(now.Sub(began).Seconds() * latencyRate); sent < due; sent++ {
				cl.Produce(ctx, &kgo.Record{Topic: topic, Value: s.next()}, func(_ *kgo.Record, err error) {
					if err != nil {
						select {
						case failed <- err:
						default:
						}
					}
				})
			}
		}
	}
}

// watch reads what is committed to a topic until ctx ends.
func (h *harness) watch(ctx context.Context, topic string, s *stopwatch) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		fs := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fs.Err(); err != nil {
			return err
		}
		now := time.Now()
		fs.EachRecord(func(r *kgo.Record) { s.seen(r.Key, r.Value, now) })
	}
}
