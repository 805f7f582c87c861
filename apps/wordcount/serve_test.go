package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// service is a run that serves, as another process would.
type service struct {
	t      *testing.T
	stop   context.CancelFunc
	log    *log
	code   chan int
	output string
}

func serve(t *testing.T, args ...string) *service {
	ctx, stop := context.WithCancel(t.Context())
	s := &service{t: t, stop: stop, log: newLog(), code: make(chan int, 1), output: filepath.Join(t.TempDir(), "counts.json")}
	go func() { // ends waits for it
		s.code <- run(ctx, append(args, "-v", "-output", s.output), strings.NewReader(""), io.Discard, s.log)
	}()
	return s
}

// ends stops the service and returns what it wrote.
func (s *service) ends() string {
	s.t.Helper()
	s.stop()
	if code := <-s.code; code != 0 {
		s.t.Fatalf("exit %d:\n%s", code, s.log)
	}
	return apptest.Read(s.t, s.output)
}

// log is a standard error of which a test can await something.
type log struct {
	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	written bytes.Buffer
}

func newLog() *log {
	l := &log{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
	return l.written.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written.String()
}

// await waits until the text was written.
func (l *log) await(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.written.String(), text) {
		l.changed.Wait()
	}
}

func client(t *testing.T, brokers string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(options, kgo.SeedBrokers(brokers))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopicOf(t *testing.T, brokers, topic string, settings map[string]string) {
	t.Helper()
	configs := map[string]*string{}
	for k, v := range settings {
		configs[k] = &v
	}
	if _, err := kadm.NewClient(client(t, brokers)).CreateTopic(t.Context(), 4, -1, configs, topic); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, brokers, topic, key, value string) {
	t.Helper()
	record := &kgo.Record{Topic: topic, Value: []byte(value)}
	if key != "" {
		record.Key = []byte(key)
	}
	if err := client(t, brokers, kgo.RecordPartitioner(kgo.ManualPartitioner())).ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func produceLines(t *testing.T, brokers, text string) {
	t.Helper()
	var records []*kgo.Record
	for line := range strings.Lines(text) {
		records = append(records, &kgo.Record{Topic: "lines", Value: []byte(strings.TrimSuffix(line, "\n"))})
	}
	if err := client(t, brokers).ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// awaitCounts reads the topic of counts until it holds what is wanted.
func awaitCounts(t *testing.T, brokers, want string) {
	t.Helper()
	cl := client(t, brokers, kgo.ConsumeTopics("word-counts"))
	c := counts{}
	for {
		fetches := cl.PollFetches(t.Context())
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if err := c.take(r, func([]byte) bool { return true }); err != nil {
				t.Fatal(err)
			}
		})
		var b strings.Builder
		c.writeJSON(&b)
		if b.String() == want {
			return
		}
	}
}

// awaitGroup waits until the services share all partitions and none is on its way from one worker to another.
func awaitGroup(t *testing.T, brokers string, services int) {
	t.Helper()
	admin := kadm.NewClient(client(t, brokers))
	const partitions = 8 // of the topic of lines and of the repartition topic
	for again := time.NewTicker(10 * time.Millisecond); ; <-again.C {
		groups, err := admin.DescribeGroups(t.Context(), "wordcount")
		if err != nil {
			t.Fatal(err)
		}
		g := groups["wordcount"]
		assigned := 0
		g.AssignedPartitions().Each(func(string, int32) { assigned++ })
		if g.State == "Stable" && len(g.Members) == services*min(runtime.GOMAXPROCS(0), partitions) && assigned == partitions {
			return
		}
	}
}

func TestAServiceCountsUntilItIsStoppedAndWritesItsCounts(t *testing.T) {
	brokers := apptest.StartBroker(t)
	createTopicOf(t, brokers, "lines", nil)
	some := sample[:2000]
	for round, texts := range [][]string{{sample}, {sample, some}} { // the second one restores its counts
		s := serve(t, "-brokers", brokers)
		awaitGroup(t, brokers, 1)
		want := batchCounts(t, texts...)
		produceLines(t, brokers, texts[round])
		awaitCounts(t, brokers, want)
		apptest.Same(t, s.ends(), want)
	}
}

func TestAServiceCreatesItsSourceOnlyWhenToldHow(t *testing.T) {
	s := serve(t, "-brokers", apptest.StartBroker(t), "-partitions", "3")
	s.log.await("state=running")
	apptest.Same(t, s.ends(), "")
}

func TestTwoServicesWriteTheCountsOfTheirOwnPartitions(t *testing.T) {
	brokers := apptest.StartBroker(t)
	createTopicOf(t, brokers, "lines", nil)
	first := serve(t, "-brokers", brokers)
	awaitGroup(t, brokers, 1)
	produceLines(t, brokers, sample)
	awaitCounts(t, brokers, batchCounts(t, sample))
	second := serve(t, "-brokers", brokers)
	awaitGroup(t, brokers, 2)
	produceLines(t, brokers, sample)
	awaitCounts(t, brokers, batchCounts(t, sample, sample))
	part := first.ends()
	all := map[string]bool{}
	for line := range strings.Lines(batchCounts(t, sample, sample)) {
		all[line] = true
	}
	n := 0
	for line := range strings.Lines(part) {
		if n++; !all[line] {
			t.Fatalf("the first service wrote %q, which is no final count", line)
		}
	}
	if n == 0 || n == len(all) {
		t.Errorf("the first service wrote %d of %d words, want those of its partitions", n, len(all))
	}
	awaitGroup(t, brokers, 1)
	produceLines(t, brokers, sample)
	awaitCounts(t, brokers, batchCounts(t, sample, sample, sample))
	apptest.Same(t, second.ends(), batchCounts(t, sample, sample, sample))
}
