package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kgo"
)

// trial is the run of one combination.
type trial struct {
	c   *cluster
	of  combination
	in  partitions
	rng *rand.Rand

	from, results, late string // topics
	writer              *kgo.Client
	fed                 [sources]int // records of each partition
	left                int          // to be fed
	serving             []*served
	stops, takeovers    int
	harms               harms
}

// served is an instance that serves.
type served struct {
	*running
	wire     *wire  // nil: none
	instance string // its name among the others
}

func newTrial(c *cluster, of combination, in partitions) *trial {
	c.t.Helper()
	forever := []string{"retention.ms=-1"} // event times are their timestamps
	return &trial{
		c: c, of: of, in: in, left: in.records(), rng: rand.New(rand.NewPCG(of.seed, 1)),
		from: c.topic("records", sources, forever...), results: c.topic("results", 2, forever...), late: c.topic("late", 2, forever...),
		writer: c.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0)),
	}
}

// run feeds the input little by little while instances serve, of which one stops or begins after each portion. At last bounded runs
// compute to the end: some that are stopped on the way, and one that is not.
func (tr *trial) run() {
	tr.c.t.Helper()
	for range 1 + tr.rng.IntN(tr.of.instances) {
		tr.serve(false)
	}
	for tr.left > 0 {
		before := tr.commits()
		tr.feed(1 + tr.rng.IntN(2*tr.of.portion))
		if tr.rng.IntN(2) == 0 {
			tr.committed(before + 1)
		}
		tr.harm(false)
		tr.stir()
	}
	tr.stop(len(tr.serving))
	for tr.rng.IntN(3) > 0 {
		tr.serveAll()
		tr.committed(int64(tr.rng.IntN(4)))
		tr.harm(true)
		tr.stop(len(tr.serving))
	}
	tr.serveAll()
	tr.harm(true)
	for _, r := range tr.serving {
		if err := r.result(); err != nil {
			tr.c.t.Fatalf("instance %s ended at the end of the input with: %v", r.instance, err)
		}
		tr.bury(r)
	}
	tr.c.t.Logf("%d stops, %d begin; %+v", tr.stops, tr.takeovers, tr.harms)
}

// stir lets instances stop and begin.
func (tr *trial) stir() {
	switch tr.rng.IntN(4) {
	case 0: // all stop, others begin
		tr.stop(len(tr.serving))
		tr.serve(false)
	case 1: // one takes over from another
		tr.stop(1)
		tr.serve(false)
	default:
		if len(tr.serving) < tr.of.instances {
			tr.serve(false)
		} else if len(tr.serving) > 1 {
			tr.stop(1)
		}
	}
}

// serve starts an instance. It need not have begun when another thing happens.
func (tr *trial) serve(bounded bool) { tr.serveAs(fmt.Sprint(tr.takeovers), bounded) }

func (tr *trial) serveAs(instance string, bounded bool) {
	tr.takeovers++
	r := &served{instance: instance}
	options := []kgo.Opt{
		kgo.FetchMaxPartitionBytes(tr.of.fetch),
		kgo.UnknownTopicRetries(-1), // a broker that has a great many topics to make hears late of each
	}
	config := framework.Config{
		Bounded: bounded, Workers: tr.of.workers, CommitInterval: tr.of.commit, RepartitionPartitions: tr.of.inner,
	}
	if tr.of.exactly {
		r.wire = newWire()
		options = append(options, r.wire.option(), kgo.SessionTimeout(sessionLength), kgo.TransactionTimeout(shortTransaction))
		config.Guarantee, config.Instance = framework.ExactlyOnce, instance
	}
	config.Connectors = []connector.Connector{tr.c.connector(options...)}
	r.running = tr.c.run(config, newGraph(tr.from, tr.results, tr.late, tr.of.folding).declare)
	tr.serving = append(tr.serving, r)
}

func (tr *trial) serveAll() {
	tr.serving = nil
	for range tr.of.instances {
		tr.serve(true)
	}
}

// stop stops instances, those that serve longest first, at once.
func (tr *trial) stop(n int) {
	tr.c.t.Helper()
	tr.stops += n
	for _, r := range tr.serving[:n] {
		r.stop()
	}
	for _, r := range tr.serving[:n] {
		r.halt()
		tr.bury(r)
	}
	tr.serving = tr.serving[n:]
}

// feed writes n of the records that are left, in batches for partitions by luck, and then what is before the next late record of one:
// whoever reads that one is to know that it is late, even where it has read none before.
func (tr *trial) feed(n int) {
	tr.c.t.Helper()
	for n > 0 && tr.left > 0 {
		var records []*kgo.Record
		for _, p := range tr.rng.Perm(sources)[:1+tr.rng.IntN(sources)] {
			records = append(records, tr.next(p, min(tr.of.batch, n))...)
		}
		n -= len(records)
		tr.c.must(tr.writer.ProduceSync(tr.c.ctx, records...).FirstErr())
	}
	p := tr.rng.IntN(sources)
	if before := tr.in.beforeLate(p, tr.fed[p]); before > 0 {
		tr.c.must(tr.writer.ProduceSync(tr.c.ctx, tr.next(p, before)...).FirstErr())
	}
}

// next takes at most n records of a partition that are to be fed.
func (tr *trial) next(p, n int) (records []*kgo.Record) {
	tr.c.t.Helper()
	more := tr.in[p][tr.fed[p]:]
	for _, at := range more[:min(len(more), n)] {
		value, err := codec.Int64.Append(nil, id(p, tr.fed[p]))
		tr.c.must(err)
		records = append(records, &kgo.Record{Topic: tr.from, Partition: int32(p), Value: value, Timestamp: time.UnixMilli(at)})
		tr.fed[p]++
	}
	tr.left -= len(records)
	return records
}

// commits is how many commits the instances that serve have made.
func (tr *trial) commits() (n int64) {
	for _, r := range tr.serving {
		n += r.app.Stats().Commits
	}
	return n
}

// committed waits until there are so many, or an instance has come to the end.
func (tr *trial) committed(n int64) {
	tr.c.t.Helper()
	tr.c.until("something is committed", func() (bool, error) {
		for _, r := range tr.serving {
			if r.over() {
				return true, nil
			}
		}
		return tr.commits() >= n, nil
	})
}

// forget deletes the topics, so that the broker has no more to do with them.
func (tr *trial) forget() {
	tr.c.t.Helper()
	topics, err := tr.c.admin.ListTopics(tr.c.ctx)
	tr.c.must(err)
	var ours []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, tr.c.name+"-") {
			ours = append(ours, name)
		}
	}
	_, err = tr.c.admin.DeleteTopics(tr.c.ctx, ours...)
	tr.c.must(err)
}
