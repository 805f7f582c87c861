package kafka

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// lines keeps what is logged.
type lines struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) logger() *slog.Logger  { return slog.New(slog.NewTextHandler(l, nil)) }
func (l *lines) count(part string) int { return strings.Count(l.String(), part) }
func (f *fixture) connector() connector.Connector {
	return New(Config{Brokers: f.cluster.ListenAddrs(), Options: f.options, DialTimeout: 5 * time.Second})
}

func (f *fixture) view() connector.Admin {
	f.Helper()
	a, err := f.connector().Admin(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { a.Close() })
	return a
}

func TestTopicsAreDescribedInTheOrderAsked(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "b"), kfake.SeedTopics(3, "a"))
	got, err := f.view().Topics(t.Context(), named("b", "missing", "a"))
	want := []connector.TopicInfo{{Name: "b", Partitions: 2}, {Name: "missing"}, {Name: "a", Partitions: 3}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCreatingATopicThatExistsLeavesItAsItIs(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "old"))
	a := f.view()
	specs := []connector.TopicSpec{{Name: "old", Partitions: 7}, {Name: "new", Partitions: 3, Configs: map[string]string{"cleanup.policy": "compact"}}}
	if err := a.Create(t.Context(), specs); err != nil {
		t.Fatal(err)
	}
	got, err := a.Topics(t.Context(), named("old", "new"))
	if err != nil || got[0].Partitions != 2 || got[1].Partitions != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	configs, err := f.admin.DescribeTopicConfigs(t.Context(), "new")
	if err != nil {
		t.Fatal(err)
	}
	if c := policy(configs); c != "compact" {
		t.Errorf("its policy is %q", c)
	}
}

func policy(configs kadm.ResourceConfigs) string {
	for _, c := range configs[0].Configs {
		if c.Key == "cleanup.policy" {
			return c.MaybeValue()
		}
	}
	return ""
}

func TestEndsAreStableEnds(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	f.produce("in", 0, "a", "b")
	cl := f.dial(kgo.TransactionalID("open"))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("c")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	a := f.view()
	ends, err := a.Ends(t.Context(), []string{"in"})
	if err != nil || !slices.Equal(ends[0], []int64{2, 0}) {
		t.Errorf("got %v, %v", ends, err)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if ends, err = a.Ends(t.Context(), []string{"in"}); err != nil || !slices.Equal(ends[0], []int64{4, 0}) {
		t.Errorf("after the transaction: %v, %v", ends, err)
	}
}

func TestWhatIsNotCommittedIsMinusOne(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(3, "in"))
	f.produce("in", 1, "a", "b")
	f.commit("in", 1, 2, "m")
	got, err := f.view().Committed(t.Context(), "app", []string{"in"})
	if err != nil || !slices.Equal(got[0], []connector.Position{{Offset: -1}, {Offset: 2, Metadata: "m"}, {Offset: -1}}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAnAddressWhereNobodyAnswersIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, err = New(Config{Brokers: []string{address}, DialTimeout: 300 * time.Millisecond}).Admin(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no broker answers at "+address) {
		t.Errorf("got %v", err)
	}
}

func TestAStopDoesNotWaitForABrokerThatTakesConnectionsAndSaysNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	began := time.Now()
	if _, err := New(Config{Brokers: []string{l.Addr().String()}}).Admin(ctx); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestNoBrokersIsAnErrorThatSaysSo(t *testing.T) {
	if _, err := New(Config{}).Admin(t.Context()); err == nil || !strings.Contains(err.Error(), "kafka.Config.Brokers") {
		t.Errorf("got %v", err)
	}
}

// guarded starts a broker where the user "app" may do only what is given.
func guarded(t *testing.T, allowed ...kfake.ACL) *fixture {
	t.Helper()
	for i := range allowed {
		allowed[i].Allow, allowed[i].Pattern = true, kmsg.ACLResourcePatternTypeLiteral
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in", "out"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "root", "secret"), kfake.User("PLAIN", "app", "secret", allowed...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &fixture{T: t, cluster: c, options: []kgo.Opt{kgo.SASL(plain.Auth{User: "app", Pass: "secret"}.AsMechanism())}}
}

func topicACL(name string, op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: name, Operation: op}
}

func TestATopicThatMayNotBeSeenIsNamed(t *testing.T) {
	f := guarded(t)
	_, err := f.view().Topics(t.Context(), named("in"))
	if err == nil || !strings.Contains(err.Error(), "topic in") || !strings.Contains(err.Error(), "allow this user to read") {
		t.Errorf("got %v", err)
	}
}

func TestATopicThatMayNotBeCreatedIsNamed(t *testing.T) {
	f := guarded(t)
	err := f.view().Create(t.Context(), []connector.TopicSpec{{Name: "app-counts-changelog", Partitions: 4}})
	if err == nil || !strings.Contains(err.Error(), "create topic app-counts-changelog with 4 partitions") || !strings.Contains(err.Error(), "allow this user") {
		t.Errorf("got %v", err)
	}
}

func TestAGroupThatMayNotBeReadEndsTheWorker(t *testing.T) {
	f := guarded(t, topicACL("in", kmsg.ACLOperationRead))
	err := f.open(config("in")).failed()
	if err == nil || !strings.Contains(err.Error(), "allow this user to read the group") {
		t.Errorf("got %v", err)
	}
}

func TestATopicThatMayNotBeWrittenRefusesTheRecordByName(t *testing.T) {
	f := guarded(t, topicACL("in", kmsg.ACLOperationRead), topicACL("out", kmsg.ACLOperationDescribe),
		kfake.ACL{Resource: kmsg.ACLResourceTypeGroup, Name: "app", Operation: kmsg.ACLOperationRead})
	c := config("in")
	c.Topics = append(c.Topics, named("out")...)
	err := f.open(c).write(connector.Out{Topic: 1, Value: []byte("v")})[0].err
	if err == nil || !strings.Contains(err.Error(), "topic out, partition 0") || !strings.Contains(err.Error(), "allow this user") {
		t.Errorf("got %v", err)
	}
}

func TestAWrongPasswordIsNotTriedForever(t *testing.T) {
	f := guarded(t)
	f.options = []kgo.Opt{kgo.SASL(plain.Auth{User: "app", Pass: "wrong"}.AsMechanism())}
	_, err := f.connector().Admin(t.Context())
	if err == nil || errors.Is(err, connector.ErrTemporary) || !strings.Contains(err.Error(), "no broker answers") {
		t.Errorf("got %v", err)
	}
}

// named returns the specs of topics of these names.
func named(names ...string) (specs []connector.TopicSpec) {
	for _, name := range names {
		specs = append(specs, connector.TopicSpec{Name: name})
	}
	return specs
}
