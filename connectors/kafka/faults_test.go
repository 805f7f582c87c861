//go:build synctests

package kafka

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var (
	faultSeeds = flag.Int("faults.seeds", 2000, "how many seeds to run with exactly-once, and a tenth of them with at-least-once")
	faultFrom  = flag.Uint64("faults.from", 1, "the first of them: a long run may be made of parts")
	faultSeed  = flag.Uint64("faults.seed", 0, "run this seed only")
	faultLog   = flag.Bool("faults.log", false, "print the log of the application")
)

// Even seeds meet faults that no count may show; odd ones also lose members and kill instances, which may repeat.
func TestWordCountSurvivesFaultsOfTheBrokers(t *testing.T) { runSeeds(t, framework.AtLeastOnce) }

// With transactions no seed may repeat or lose anything, whatever it meets.
func TestExactlyOnceWordCountSurvivesFaultsOfTheBrokers(t *testing.T) {
	runSeeds(t, framework.ExactlyOnce)
}

func runSeeds(t *testing.T, guarantee framework.Guarantee) {
	n := uint64(*faultSeeds)
	if guarantee == framework.AtLeastOnce {
		n = max(2, n/10)
	}
	first, last := *faultFrom, *faultFrom+n-1
	if *faultSeed > 0 {
		first, last = *faultSeed, *faultSeed
	}
	var next, hits, written, read atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for half := range 2 {
			t.Run(fmt.Sprint(half), func(t *testing.T) {
				t.Parallel()
				for {
					seed := first + uint64(next.Add(1)-1)
					if seed > last {
						return
					}
					if s := runSeed(t, seed, guarantee); s != nil {
						hits.Add(int64(s.hits))
						written.Add(int64(s.writer.written))
						read.Add(int64(s.writer.read))
					}
				}
			})
		}
	})
	t.Logf("seeds %d to %d: %d faults hit, %d lines counted, %d records checked", first, last, hits.Load(), written.Load(), read.Load())
	if hits.Load() == 0 || read.Load() == 0 {
		t.Error("that proves nothing")
	}
}

// runSeed runs a seed in a bubble of its own.
func runSeed(t *testing.T, seed uint64, guarantee framework.Guarantee) (s *storm) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Errorf("seed %d: %s (again: -tags synctests -run %s -faults.seed=%d)", seed, fmt.Sprintf(format, args...), strings.Split(t.Name(), "/")[0], seed)
	}
	defer func() {
		if p := recover(); p != nil {
			fail("%v\n%s", p, stacks())
		}
	}()
	// In a bubble a loop that never waits stops the clock: out here time goes on.
	watchdog := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("seed %d makes no progress", seed)) })
	defer watchdog.Stop()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s = &storm{ctx: ctx, rng: rand.New(rand.NewPCG(seed, 1)), benign: seed%2 == 0, guarantee: guarantee, fail: fail}
		var err error
		s.cluster, err = kfake.NewCluster(kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094), kfake.ListenFn(s.net.Listen),
			kfake.SeedTopics(1+s.rng.Int32N(4), "lines"), kfake.SeedTopics(1+s.rng.Int32N(3), "word-counts"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.cluster.Close()
		wholeFetches(s.cluster)
		s.run(t)
	})
	return s
}

// storm is an application of several instances on a cluster where things go wrong.
type storm struct {
	ctx       context.Context
	rng       *rand.Rand
	benign    bool // only what must not show
	guarantee framework.Guarantee
	fail      func(format string, args ...any)
	cluster   *kfake.Cluster
	writer    *writer
	admin     *kadm.Client // of the writer
	net       kfake.VirtualNetwork
	faults    []*kfake.FaultHandle
	hits      int // of faults that are not handles
	words     map[string]int64
	apps      []*appRun
	wires     []*wire
}

// appRun is a running instance.
type appRun struct {
	*wire
	instance string
	cancel   context.CancelFunc
	ended    chan error
}

func (s *storm) run(t *testing.T) {
	s.words = map[string]int64{}
	defer func() {
		for _, w := range s.wires {
			w.cut()
		}
	}()
	s.writer = newWriter(t, s)
	defer s.writer.Close()
	s.admin = kadm.NewClient(s.writer.Client)
	s.writer.lines(20 + s.rng.IntN(100))
	for range 1 + s.rng.IntN(2) {
		s.start()
	}
	for range 6 + s.rng.IntN(6) {
		time.Sleep(time.Duration(s.rng.Int64N(int64(2 * time.Second))))
		s.writer.lines(s.rng.IntN(30))
		s.happen()
	}
	for _, f := range s.faults {
		s.hits += f.Hits()
		f.Remove()
	}
	s.settle()
	for len(s.apps) > 0 {
		s.stop(0, false)
	}
	s.writer.compare(s.benign || s.guarantee == framework.ExactlyOnce)
	if s.hits == 0 {
		s.fail("not one fault was hit: it proves nothing")
	}
}

// happen makes one thing go wrong.
func (s *storm) happen() {
	var (
		produce  = []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend}
		commit   = []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.RequestTimedOut}
		fetch    = []*kerr.Error{kerr.NotLeaderForPartition, kerr.ReplicaNotAvailable, kerr.UnknownLeaderEpoch}
		list     = []*kerr.Error{kerr.LeaderNotAvailable, kerr.NotLeaderForPartition}
		fetched  = []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnstableOffsetCommit}
		beat     = []*kerr.Error{kerr.RebalanceInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator}
		expelled = []*kerr.Error{kerr.UnknownMemberID, kerr.IllegalGeneration}
	)
	choices := []func(){
		func() { s.fault(produce, false, kmsg.Produce) },
		func() { s.fault(produce, false, kmsg.Produce) },
		func() { s.fault(commit, false, kmsg.OffsetCommit) },
		func() { s.fault(fetch, false, kmsg.Fetch) },
		func() { s.fault(list, false, kmsg.ListOffsets) },
		func() { s.fault(fetched, false, kmsg.OffsetFetch) },
		func() { s.fault(beat, true, kmsg.Heartbeat, kmsg.SyncGroup) },
		func() { s.hits++; s.cluster.RehashCoordinators() },
		func() { s.hits++; s.cluster.ShufflePartitionLeaders() },
		func() { s.start() },
		func() { s.stop(s.rng.IntN(len(s.apps)), false) },
	}
	if s.guarantee == framework.ExactlyOnce {
		var (
			into = []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.RequestTimedOut, kerr.RebalanceInProgress}
			end  = []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.ConcurrentTransactions}
			bad  = []*kerr.Error{kerr.InvalidTxnState, kerr.TransactionAbortable, kerr.UnknownServerError, kerr.RequestTimedOut}
		)
		choices = append(choices,
			func() { s.fault(into, false, kmsg.TxnOffsetCommit) },
			func() { s.fault(end, false, kmsg.EndTxn) },
			func() { s.fault(end, false, kmsg.InitProducerID) },
		)
		if !s.benign {
			choices = append(choices,
				func() { s.fault(expelled, false, kmsg.TxnOffsetCommit) },
				func() { s.fault(bad, false, kmsg.TxnOffsetCommit) },
				func() { s.fault(bad, false, kmsg.EndTxn) },
			)
		}
	}
	if !s.benign {
		choices = append(choices,
			func() { s.fault(expelled, true, kmsg.Heartbeat) },
			func() { s.fault(expelled, false, kmsg.OffsetCommit) },
		)
	}
	if g := s.cluster.GroupInfo("words"); g != nil && g.State == "Stable" { // kfake loses count of who goes while it joins
		choices = append(choices, s.cut)
		if !s.benign {
			choices = append(choices, s.kill)
		}
	}
	for range 1 + s.rng.IntN(3) {
		choices[s.rng.IntN(len(choices))]()
		if len(s.apps) == 0 {
			s.start()
		}
	}
}

func (s *storm) fault(errs []*kerr.Error, topLevel bool, keys ...kmsg.Key) {
	s.faults = append(s.faults, s.cluster.Fault(kfake.Fault{
		Keys: keys, Err: errs[s.rng.IntN(len(errs))], Count: 1 + s.rng.IntN(4), TopLevel: topLevel,
	}))
}

// cut cuts the connections of an instance; the client dials again.
func (s *storm) cut() {
	s.hits += s.apps[s.rng.IntN(len(s.apps))].cut()
}

// wire returns the network of one more client.
func (s *storm) wire() *wire {
	w := &wire{net: &s.net}
	s.wires = append(s.wires, w)
	return w
}

// kill lets an instance vanish.
func (s *storm) kill() {
	s.hits++
	s.stop(s.rng.IntN(len(s.apps)), true)
}

func (s *storm) start() {
	if len(s.apps) == 3 {
		return
	}
	s.launch(framework.Config{
		Workers:       1 + s.rng.IntN(2),
		PurgeInterval: time.Hour, // of a log that is purged whole, kfake says that its former leaders lost it
	}, s.wire())
}

// launch runs an instance over a network of its own.
func (s *storm) launch(config framework.Config, w *wire) *appRun {
	a := &appRun{wire: w, instance: config.Instance, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(s.ctx)
	a.cancel = cancel
	logger := slog.New(slog.DiscardHandler)
	if *faultLog {
		logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	config.Name, config.Guarantee, config.BudgetBytes, config.CommitInterval, config.Logger = "words", s.guarantee, 1<<20, 200*time.Millisecond, logger
	config.Connectors = []connector.Connector{New(Config{Brokers: s.cluster.ListenAddrs(), Options: a.options()})}
	go func() { a.ended <- framework.Run(ctx, config, countWords) }() // stop waits for it
	s.apps = append(s.apps, a)
	return a
}

func countWords(t *framework.Topology) {
	t.From(Topic("lines", codec.None, codec.String)).
		FlatMap(strings.Fields).
		GroupBy(strings.ToLower).
		Count("counts").
		Stream().
		To(Topic("word-counts", codec.String, codec.Int64))
}

// stop ends an instance, as a signal does or, killed, by taking its network away for good.
func (s *storm) stop(i int, killed bool) {
	a := s.apps[i]
	s.apps = append(s.apps[:i:i], s.apps[i+1:]...)
	if killed {
		a.unplug()
	}
	a.cancel()
	err := <-a.ended
	if late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled); killed || !s.benign && late {
		return // while a dead member holds up the group the client commits nothing, maybe for longer than a stop may take
	}
	if err != nil {
		s.fail("an instance ended with %v\n%s", err, stacks())
	}
}

// stacks returns where all goroutines are, with -faults.log.
func stacks() []byte {
	if !*faultLog {
		return nil
	}
	b := make([]byte, 4<<20)
	return b[:runtime.Stack(b, true)]
}

// settle waits until everything is committed.
func (s *storm) settle() {
	if len(s.apps) == 0 {
		s.start()
	}
	lag := s.lag()
	left := int64(-1)
	for range 600 {
		time.Sleep(time.Second)
		for _, a := range s.apps {
			if len(a.ended) > 0 {
				s.fail("an instance ended by itself: %v", <-a.ended)
				a.ended <- nil
				return
			}
		}
		if left = lag(); left == 0 {
			return
		}
	}
	s.fail("%d records are not committed after 10 minutes\n%s", left, stacks())
}

// lag returns what tells how many records are not committed, -1 where that is not known.
func (s *storm) lag() func() int64 {
	admin := s.admin
	return func() (lag int64) {
		ends, err := admin.ListEndOffsets(s.ctx, "lines", "words-counts-repartition") // behind what is open, too
		committed, err2 := admin.FetchOffsets(s.ctx, "words")
		if errors.Join(err, err2, ends.Error()) != nil || len(ends["words-counts-repartition"]) == 0 {
			return -1
		}
		ends.Each(func(o kadm.ListedOffset) {
			at, _ := committed.Lookup(o.Topic, o.Partition)
			lag += o.Offset - max(0, at.At)
		})
		return lag
	}
}
