package integration

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// leftBehind is an exactly-once word count that came to its end, and what it left.
type leftBehind struct {
	*cluster
	from, to               string
	repartition, changelog string
	lines                  []string
	committed              map[int32]int64 // of repartition
}

// onceBounded is the configuration of such a run.
func onceBounded() framework.Config {
	return framework.Config{Guarantee: framework.ExactlyOnce, Bounded: true, Workers: 1}
}

// countOnce counts lines and puts some more behind them, which a next run is to count.
func (c *cluster) countOnce() *leftBehind {
	c.t.Helper()
	n := &leftBehind{
		cluster: c, from: c.topic("lines", 2), to: c.topic("counts", 2),
		repartition: c.name + "-counts-repartition", changelog: c.name + "-counts-changelog",
	}
	n.more(newText(11).lines(200))
	c.must(c.run(onceBounded(), countWords(n.from, n.to)).result())
	c.counts(n.to).equal(batchCount(n.lines...))
	var err error
	n.committed, err = c.committed(c.name, n.repartition)
	c.must(err)
	n.more(newText(12).lines(50))
	return n
}

func (n *leftBehind) more(lines []string) {
	n.t.Helper()
	n.cluster.lines(n.from, 2, lines)
	n.lines = append(n.lines, lines...)
}

// uncommitted fails the test where something has been committed since.
func (n *leftBehind) uncommitted() {
	n.t.Helper()
	got, err := n.cluster.committed(n.name, n.repartition)
	n.must(err)
	if !maps.Equal(got, n.committed) {
		n.t.Errorf("the refused run committed %v, before it was %v", got, n.committed)
	}
}

// refusedUntouched runs the word count again. It must be refused, in one line that says all of that, before it has counted anything.
// What it reads may go on to the repartition topic, which is as a whole or not at all.
func (n *leftBehind) refusedUntouched(says ...string) {
	n.t.Helper()
	before := maps.Clone(n.counts(n.to).refresh())
	n.refused(onceBounded(), countWords(n.from, n.to), 1, says...)
	n.uncommitted()
	n.counts(n.to).equal(before)
}

// exact runs the word count again, after what was wrong has been mended.
func (n *leftBehind) exact(config framework.Config) {
	n.t.Helper()
	n.must(n.run(config, countWords(n.from, n.to)).result())
	n.counts(n.to).equal(batchCount(n.lines...))
}

func (n *leftBehind) remove(topic string) {
	n.t.Helper()
	_, err := n.admin.DeleteTopic(n.ctx, topic)
	n.must(err)
	n.until("topic "+topic+" is gone", func() (bool, error) {
		listed, err := n.admin.ListTopics(n.ctx, topic)
		return err == nil && !listed.Has(topic), err
	})
}

func TestAChangelogWithForeignBytesIsRefusedAtTheRestore(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	n.produce(&kgo.Record{Topic: n.changelog, Partition: 1, Key: []byte("word1"), Value: []byte("some other program")})
	n.refusedUntouched("store counts", "topic "+n.changelog+", partition 1, offset ", "the topic is the application's own", "use another store name",
		"if another program wrote it, keep that one from writing there, and begin anew under another application name")
}

func TestARepartitionTopicWithForeignBytesIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	ends, err := n.ends(n.repartition)
	n.must(err)
	n.produce(&kgo.Record{Topic: n.repartition, Partition: 1, Key: []byte("word1"), Value: []byte("some other program")})
	if ends[1] < n.committed[1] {
		t.Fatalf("%v is committed of a topic that ends at %v", n.committed, ends)
	}
	err = n.refused(onceBounded(), countWords(n.from, n.to), 1, "topic "+n.repartition+", partition 1, offset ", "undecodable record",
		"the topic is the application's own", "if another program wrote it, keep that one from writing there, and begin anew under another application name")
	if strings.Contains(err.Error(), "OnBadRecord") {
		t.Error("no policy of the user's is for an internal topic")
	}
}

// TestAnInternalTopicThatIsGoneIsRefused deletes one, with which brokers forget what is committed of it. Who creates it says that it may begin
// empty: of the repartition topic all was read, and nothing is missing.
func TestAnInternalTopicThatIsGoneIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	gone := func(topic, held, policy string) {
		t.Helper()
		n.remove(topic)
		n.refused(onceBounded(), countWords(n.from, n.to), 1, "internal topic "+topic+" is gone", "group "+n.name+" has committed offsets", held,
			"put the topic back from a copy", "create it empty, with 2 partitions and cleanup.policy="+policy+", message.timestamp.after.max.ms=", "another application name")
		if listed, err := n.admin.ListTopics(n.ctx, topic); err != nil || listed.Has(topic) {
			t.Errorf("the refused run made topic %s anew, or %v: the next one would not notice", topic, err)
		}
		_, err := n.admin.CreateTopic(n.ctx, 2, 1, map[string]*string{"cleanup.policy": &policy}, topic)
		n.must(err)
	}
	gone(n.repartition, "what it held and was not processed yet is lost", "delete")
	n.exact(onceBounded())
	gone(n.changelog, "the state that it held is lost", "compact")
	before := n.counts(n.to).refresh()
	n.more([]string{"zebra"})
	n.must(n.run(onceBounded(), countWords(n.from, n.to)).result())
	before["zebra"] = 1
	n.counts(n.to).equal(before)
}

func TestAStoreThatIsNewInTheGraphIsMade(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	seen := n.topic("seen", 2)
	n.must(n.run(onceBounded(), func(t *framework.Topology) {
		countWords(n.from, n.to)(t)
		t.From(textTopic(n.from)).GroupBy(strings.ToLower).Count("lines").Stream().To(countTopic(seen))
	}).result())
	n.counts(n.to).equal(batchCount(n.lines...))
}

// TestAnotherApplicationUnderTheSameNameIsRefused begins the second one while the first one runs, which goes on.
func TestAnotherApplicationUnderTheSameNameIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	config := onceBounded()
	config.Bounded = false
	first := n.run(config, countWords(n.from, n.to)).ready()
	from, to := n.topic("other-lines", 2), n.topic("other-counts", 2)
	n.cluster.lines(from, 2, []string{"not for the first one"})
	n.refused(config, countWords(from, to), 1, "another application runs under the name "+n.name, "it reads "+n.from+", this one reads "+from,
		"give one of them another name, or, where this is its next version, stop the former one first")
	n.more(newText(13).lines(50))
	got := n.counts(n.to)
	n.until("the first one has counted all", got.reach(batchCount(n.lines...)), first)
	first.halt()
	got.equal(batchCount(n.lines...))
}

func TestAnInternalTopicWithFewerPartitionsIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	n.remove(n.changelog)
	_, err := n.admin.CreateTopic(n.ctx, 1, 1, nil, n.changelog)
	n.must(err)
	n.refusedUntouched("internal topic "+n.changelog+" has 1 partitions and the graph needs 2", "use another application name")
}

// TestARepartitionTopicWhoseUnreadRecordsWereDeletedIsRefused moves the committed offsets back, which is as if what was deleted had
// not been read.
func TestARepartitionTopicWhoseUnreadRecordsWereDeletedIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	ends, err := n.ends(n.repartition)
	n.must(err)
	fetched, err := n.admin.FetchOffsets(n.ctx, n.name)
	n.must(err)
	back, upTo := kadm.Offsets{}, kadm.Offsets{}
	for p, end := range ends {
		o, _ := fetched.Lookup(n.repartition, p)
		o.At, n.committed[p] = o.At-5, o.At-5
		back.Add(o.Offset)
		upTo.AddOffset(n.repartition, p, end, -1)
	}
	n.must(n.admin.CommitAllOffsets(n.ctx, n.name, back))
	_, err = n.admin.DeleteRecords(n.ctx, upTo)
	n.must(err)
	n.refusedUntouched("topic "+n.repartition, "is committed and the log begins at", "the topic is the application's own", "to go on without these 5 records, stop all instances and set the offset of group "+n.name+" there to ")
}

func TestAGroupThatAnotherProgramIsInIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	other := n.connect(kgo.ConsumerGroup(n.name), kgo.ConsumeTopics(n.to), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit())
	n.must(other.PollFetches(n.ctx).Err())
	n.refusedUntouched("group "+n.name, "INCONSISTENT_GROUP_PROTOCOL", "use another application name")
	other.LeaveGroup()
	n.exact(onceBounded())
}

func TestAGroupInWhichAnotherProgramCommittedIsRefused(t *testing.T) {
	n := sharedBroker(t).open(t, time.Minute).countOnce()
	fetched, err := n.admin.FetchOffsets(n.ctx, n.name)
	n.must(err)
	o, _ := fetched.Lookup(n.from, 1)
	foreign := o.Offset
	foreign.Metadata = "somebody else's"
	commit := func(o kadm.Offset) {
		offsets := kadm.Offsets{}
		offsets.Add(o)
		n.must(n.admin.CommitAllOffsets(n.ctx, n.name, offsets))
	}
	commit(foreign)
	n.refusedUntouched("topic "+n.from+", partition 1, group "+n.name, "metadata", "another program commits under this name: stop that one, and begin anew under another application name")
	commit(o.Offset)
	n.exact(onceBounded())
}

// TestTwoInstancesWithOneIDDoNotCountTwice runs two of them, which fence each other until one gives up.
func TestTwoInstancesWithOneIDDoNotCountTwice(t *testing.T) {
	t.Parallel() // most of it is waiting
	c := sharedBroker(t).open(t, 3*time.Minute)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	lines := c.feed(from, 5)
	config := framework.Config{Guarantee: framework.ExactlyOnce, Workers: 1, Instance: "the-same"}
	both := []*running{c.run(config, countWords(from, to)), c.run(config, countWords(from, to))}
	stays := both[0]
	select {
	case <-both[0].ended:
		stays, both[1] = both[1], both[0]
	case <-both[1].ended:
	case <-c.ctx.Done():
		t.Fatal("neither of two instances with one id has ended")
	}
	if err := both[1].err; !errors.Is(err, kafka.ErrSameInstance) {
		t.Errorf("the one that ended did so by %v", err)
	}
	t.Log(both[1].err)
	want := lines.end()
	got := c.counts(to)
	c.until("the other one has counted all", got.reach(want), stays)
	stays.halt()
	got.equal(want)
	c.neverTwice(to)
}

func TestTransactionsThatAreNotAllowedAreNamed(t *testing.T) {
	t.Parallel() // most of it is waiting
	b := ownBroker(t, testcontainers.WithEnv(asks))
	b.auth = []kgo.Opt{login("admin", "secret")}
	n := b.open(t, 3*time.Minute).countOnce()
	config := onceBounded()
	config.Connectors = []connector.Connector{kafka.New(kafka.Config{Brokers: []string{b.address}, Options: []kgo.Opt{login("app", "secret")}})}
	allow := func(what *kadm.ACLBuilder, pattern kadm.ACLPattern, operations ...kadm.ACLOperation) {
		t.Helper()
		_, err := n.admin.CreateACLs(n.ctx, what.Allow("User:app").AllowHosts().ResourcePatternType(pattern).Operations(operations...))
		n.must(err)
	}
	allow(kadm.NewACLs().Topics(n.from, n.to, n.repartition, n.changelog), kadm.ACLPatternLiteral, kadm.OpRead, kadm.OpWrite, kadm.OpDelete)
	allow(kadm.NewACLs().Groups(n.name), kadm.ACLPatternLiteral, kadm.OpRead)
	refused := func() {
		t.Helper()
		n.refused(config, countWords(n.from, n.to), 1, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "begin with transactions as "+n.name,
			"allow this user to describe and write with transactional ids that begin with the application's name")
	}
	refused()
	allow(kadm.NewACLs().TransactionalIDs(n.name), kadm.ACLPatternPrefixed, kadm.OpDescribe)
	refused()
	n.uncommitted()
	allow(kadm.NewACLs().TransactionalIDs(n.name), kadm.ACLPatternPrefixed, kadm.OpWrite)
	n.exact(config)
}

func TestMoreReplicasThanBrokersAreRefused(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 2), c.topic("counts", 2)
	lines := newText(13).lines(20)
	c.lines(from, 2, lines)
	config := onceBounded()
	config.Replication = 3
	c.refused(config, countWords(from, to), 2, "create topic "+c.name+"-counts-repartition", "create topic "+c.name+"-counts-changelog",
		"INVALID_REPLICATION_FACTOR", "lower framework.Config.Replication")
	config.Replication = 1
	c.must(c.run(config, countWords(from, to)).result())
	c.counts(to).equal(batchCount(lines...))
}

// TestATransactionLogOfMoreReplicasThanBrokersIsNamed is about the topic in which brokers keep transactions: by default it has three replicas.
func TestATransactionLogOfMoreReplicasThanBrokersIsNamed(t *testing.T) {
	t.Parallel() // most of it is waiting
	b := ownBroker(t, testcontainers.WithEnv(map[string]string{"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3", "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "2"}))
	c := b.open(t, 3*time.Minute)
	from, to := c.topic("lines", 2), c.topic("counts", 2)
	lines := newText(14).lines(20)
	c.lines(from, 2, lines)
	c.refused(onceBounded(), countWords(from, to), 1, "begin with transactions as "+c.name, "COORDINATOR_NOT_AVAILABLE",
		"lower transaction.state.log.replication.factor")
	config := onceBounded()
	config.Guarantee = framework.AtLeastOnce
	c.must(c.run(config, countWords(from, to)).result())
	c.counts(to).equal(batchCount(lines...))
}
