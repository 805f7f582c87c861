package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/framework"
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
	return read(s.t, s.output)
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

// await waits until the texts were written, one after the other.
func (l *log) await(texts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := 0
	for _, text := range texts {
		for !strings.Contains(l.written.String()[at:], text) {
			l.changed.Wait()
		}
		at += strings.Index(l.written.String()[at:], text) + len(text)
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

func TestAServiceCountsUntilItIsStoppedAndWritesItsCounts(t *testing.T) {
	brokers := startBroker(t)
	createTopicOf(t, brokers, "lines", nil)
	for round, want := range []string{batchCounts(t, sample), batchCounts(t, sample, sample)} { // the second one restores its counts
		s := serve(t, "-brokers", brokers)
		produceLines(t, brokers, sample)
		awaitCounts(t, brokers, want)
		if got := s.ends(); got != want {
			t.Errorf("round %d:", round)
			same(t, got, want)
		}
	}
	s := serve(t, "-brokers", brokers)
	s.log.await("state=running")
	same(t, s.ends(), batchCounts(t, sample, sample))
}

func TestAServiceCreatesItsSourceOnlyWhenToldHow(t *testing.T) {
	s := serve(t, "-brokers", startBroker(t), "-partitions", "3")
	s.log.await("state=running")
	same(t, s.ends(), "")
}

func TestTwoServicesWriteTheCountsOfTheirOwnPartitions(t *testing.T) {
	if _, ok := any(&framework.App{}).(partitioned); !ok {
		t.Skip("the framework does not say which partitions an application owns")
	}
	brokers := startBroker(t)
	createTopicOf(t, brokers, "lines", nil)
	want := batchCounts(t, sample)
	first := serve(t, "-brokers", brokers)
	produceLines(t, brokers, sample)
	awaitCounts(t, brokers, want)
	second := serve(t, "-brokers", brokers)
	second.log.await("state=restoring", "state=running") // it has taken partitions over
	part := first.ends()
	all := map[string]bool{}
	for line := range strings.Lines(want) {
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
	second.log.await("state=restoring", "state=running", "state=restoring", "state=running") // and those of the first
	same(t, second.ends(), want)
}

var errFull = errors.New("no space")

func failing(w io.Writer) error {
	io.WriteString(w, "half a li")
	return errFull
}
