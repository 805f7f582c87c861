package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// fixture is a broker with a client of the test's own.
type fixture struct {
	*testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	options []kgo.Opt // of the connector
}

// broker starts a broker with these topics of one partition each.
func broker(t *testing.T, topics ...string) *fixture {
	return brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
}

func brokerWith(t *testing.T, options ...kfake.Opt) *fixture {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	c, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	f := &fixture{T: t, cluster: c, options: []kgo.Opt{kgo.HeartbeatInterval(20 * time.Millisecond), kgo.MetadataMinAge(10 * time.Millisecond)}}
	f.client = f.dial()
	f.admin = kadm.NewClient(f.client)
	return f
}

func (f *fixture) dial(options ...kgo.Opt) *kgo.Client {
	f.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(cl.CloseAllowingRebalance)
	return cl
}

// produce writes one record a value, a second apart from the epoch on.
func (f *fixture) produce(topic string, partition int32, values ...string) {
	f.Helper()
	for i, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v), Timestamp: time.Unix(int64(i), 0)}
		if err := f.client.ProduceSync(f.Context(), r).FirstErr(); err != nil {
			f.Fatal(err)
		}
	}
}

// transact writes values in a transaction and ends it.
func (f *fixture) transact(commit kgo.TransactionEndTry, topic string, values ...string) {
	f.Helper()
	cl := f.dial(kgo.TransactionalID(fmt.Sprintf("%s-%v-%d", topic, commit, len(values))))
	if err := cl.BeginTransaction(); err != nil {
		f.Fatal(err)
	}
	for _, v := range values {
		if err := cl.ProduceSync(f.Context(), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			f.Fatal(err)
		}
	}
	if err := cl.EndTransaction(f.Context(), commit); err != nil {
		f.Fatal(err)
	}
}

// commit stores an offset for the group.
func (f *fixture) commit(topic string, partition int32, at int64, metadata string) {
	f.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: partition, At: at, LeaderEpoch: -1, Metadata: metadata})
	if err := f.admin.CommitAllOffsets(f.Context(), "app", offsets); err != nil {
		f.Fatal(err)
	}
}

// config is a worker that reads all topics, each on its own.
func config(topics ...string) connector.WorkerConfig {
	c := connector.WorkerConfig{Group: "app", Process: "p", Topics: named(topics...), Budget: 8 << 20, MaxWrite: 8 << 20, Logger: slog.New(slog.DiscardHandler)}
	for i := range topics {
		c.Sources = append(c.Sources, connector.Source{Topic: int32(i)})
		c.Groups = append(c.Groups, []int32{int32(i)})
	}
	return c
}

// polled is an open worker with what it was given so far.
type polled struct {
	connector.Worker
	t        *testing.T
	assigned map[connector.Partition]connector.Assignment
	lost     int
	read     map[connector.Partition][]connector.Record
	restored map[connector.Partition][]connector.Record
	complete map[connector.Partition]bool // restorations at their end
	end      map[connector.Partition]int64
	err      error // of Poll or of a run
	skipped  int64 // where reading went on behind deleted records
	eager    bool  // resumes what it is assigned
}

// open opens a worker, which resumes what it is assigned.
func (f *fixture) open(c connector.WorkerConfig) *polled {
	f.Helper()
	w, err := New(Config{Brokers: f.cluster.ListenAddrs(), Options: f.options}).Open(f.Context(), c)
	if err != nil {
		f.Fatal(err)
	}
	m := &polled{
		Worker: w, t: f.T, assigned: map[connector.Partition]connector.Assignment{}, read: map[connector.Partition][]connector.Record{},
		restored: map[connector.Partition][]connector.Record{}, complete: map[connector.Partition]bool{}, end: map[connector.Partition]int64{}, eager: true,
	}
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		w.Close(ctx)
	})
	return m
}

// until polls until what is waited for has come. It fails the test after ten seconds, and where Poll does.
func (m *polled) until(what string, come func() bool) {
	m.t.Helper()
	m.try(what, come)
	if m.err != nil {
		m.t.Fatalf("%s: %v", what, m.err)
	}
}

// failed polls until there is an error.
func (m *polled) failed() error {
	m.t.Helper()
	m.try("an error", func() bool { return false })
	return m.err
}

func (m *polled) try(what string, come func() bool) {
	m.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for m.err == nil && !come() {
		if time.Now().After(deadline) {
			m.t.Fatalf("%s has not come; assigned %v", what, m.assigned)
		}
		m.poll()
	}
}

func (m *polled) poll() {
	b, err := m.Poll(m.t.Context(), 100*time.Millisecond, true)
	if err != nil {
		m.err = err
		return
	}
	for _, e := range b.Events {
		for _, a := range e.Partitions {
			switch e.Kind {
			case connector.Assigned:
				m.assigned[a.Partition] = a
				if m.eager {
					m.Resume([]connector.Partition{a.Partition})
				}
			default:
				delete(m.assigned, a.Partition)
				if e.Kind == connector.Lost {
					m.lost++
				}
			}
		}
		e.Done()
	}
	for _, r := range b.Runs {
		if r.Err != nil {
			m.err = r.Err
		}
		m.skipped = max(m.skipped, r.SkippedTo)
		if r.End >= 0 {
			m.end[r.Partition] = r.End
		}
		to := m.read
		if r.Restore {
			to = m.restored
			m.complete[r.Partition] = m.complete[r.Partition] || r.Restored
		}
		for _, record := range r.Records {
			record.Value = append([]byte{}, record.Value...)
			to[r.Partition] = append(to[r.Partition], record)
		}
		m.Recycle(r.Records)
	}
}

func (m *polled) owns(n int) func() bool { return func() bool { return len(m.assigned) == n } }

func (m *polled) has(p connector.Partition, n int) func() bool {
	return func() bool { return len(m.read[p]) >= n }
}

// values returns the values of records; a marker is "#".
func values(records []connector.Record) (values []string) {
	for _, r := range records {
		if r.Control {
			values = append(values, "#")
		} else {
			values = append(values, string(r.Value))
		}
	}
	return values
}

func at(topic, partition int32) connector.Partition {
	return connector.Partition{Topic: topic, Partition: partition}
}
