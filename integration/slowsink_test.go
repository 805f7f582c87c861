package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	largeBytes  = 990_000 // of a record; a batch of the client's is no larger than 1 MB
	randomBytes = 6_000   // of it; the rest compresses by 250, all together by 100
	largeTasks  = 4
	slowLimit   = 256 << 20 // of memory; GOMEMLIMIT is an eighth less, as it is only aimed at
	stallEvery  = 500       // records
	stall       = 3 * time.Second
)

// TestASlowSinkOfLargeRecordsStaysInItsMemoryAndLosesNothing has a process with a memory limit work for a minute (SLOW_SINK says how long) on
// records of 1 MB, of which a hundred come in as much as one, with a function that is slow and stalls now and then. What it makes of them
// is exactly once.
func TestASlowSinkOfLargeRecordsStaysInItsMemoryAndLosesNothing(t *testing.T) {
	t.Parallel() // most of it is waiting
	long := duration(t, "SLOW_SINK", time.Minute)
	c := sharedBroker(t).open(t, 3*long+2*time.Minute)
	from, to := c.topic("values", largeTasks), c.topic("sums", largeTasks)
	perStall := stall + stallEvery*slowStep
	n := max(1, int(long/perStall)) * stallEvery
	want := c.large(from, n)

	p := slowSink{Broker: c.broker.address, Name: c.name, From: from, To: to}.start(c)
	peak := p.wait()
	got := map[string]int{}
	for _, r := range c.reader(to).read() {
		got[string(r.Value)]++
	}
	lost, repeated := 0, 0
	for sum := range want {
		switch n := got[sum]; {
		case n == 0:
			lost++
		case n > 1:
			repeated++
		}
	}
	t.Logf("%d records of %d bytes; heap at most %d MiB of %d, %+v", n, largeBytes, peak.Heap>>20, slowLimit>>20, peak.Pauses)
	if lost > 0 || repeated > 0 || len(got) != len(want) {
		t.Errorf("of %d records %d are lost and %d repeated; %d results", len(want), lost, repeated, len(got))
	}
	if peak.Heap > slowLimit {
		t.Errorf("the heap had %d MiB, %d are allowed", peak.Heap>>20, slowLimit>>20)
	}
	if peak.Stalls == 0 || n == 0 {
		t.Error("the sink did not stall: nothing is shown")
	}
}

// large writes n records and returns their sums.
func (c *cluster) large(topic string, n int) map[string]bool {
	c.t.Helper()
	const ahead = 32
	writer := c.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	rng := rand.NewChaCha8([32]byte{1})
	values, sums := [ahead][]byte{}, map[string]bool{}
	for i := range values {
		values[i] = make([]byte, largeBytes)
	}
	var records []*kgo.Record
	for i := range n {
		value := values[i%ahead]
		_, _ = rng.Read(value[:randomBytes]) // it never fails
		sums[checksum(value)] = true
		if records = append(records, &kgo.Record{Topic: topic, Partition: int32(i % largeTasks), Value: value}); len(records) == ahead || i == n-1 {
			c.must(writer.ProduceSync(c.ctx, records...).FirstErr())
			records = records[:0]
		}
	}
	return sums
}

func checksum(value []byte) string {
	return fmt.Sprintf("%x-%08x", binary.BigEndian.Uint64(value), crc32.ChecksumIEEE(value))
}

// slowSink is what the process is told.
type slowSink struct{ Broker, Name, From, To string }

// peaks is what the process tells of itself.
type peaks struct {
	Heap   uint64 // bytes, of what the limit is for
	Stalls int
	Pauses map[string]int64
}

const slowSinkVariable = "SLOW_SINK_PROCESS"

// slowProcess is this test's binary, as a process of its own.
type slowProcess struct {
	c        *cluster
	cmd      *exec.Cmd
	out, err bytes.Buffer
}

func (s slowSink) start(c *cluster) *slowProcess {
	c.t.Helper()
	told, err := json.Marshal(s)
	c.must(err)
	p := &slowProcess{c: c, cmd: exec.CommandContext(c.ctx, os.Args[0], "-test.run=^TestTheProcessOfTheSlowSink$")}
	p.cmd.Env = append(os.Environ(), slowSinkVariable+"="+string(told), fmt.Sprintf("GOMEMLIMIT=%d", slowLimit/8*7))
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	c.must(p.cmd.Start())
	return p
}

func (p *slowProcess) wait() (told peaks) {
	p.c.t.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.c.t.Fatalf("the process ended with %v\n%s%s", err, &p.out, &p.err)
	}
	_, after, _ := strings.Cut(p.out.String(), toldPrefix)
	p.c.must(json.NewDecoder(strings.NewReader(after)).Decode(&told))
	return told
}

const (
	toldPrefix = "PEAKS "
	slowStep   = 5 * time.Millisecond
)

// TestTheProcessOfTheSlowSink is no test of its own: it is what TestASlowSinkOfLargeRecordsStaysInItsMemoryAndLosesNothing runs.
func TestTheProcessOfTheSlowSink(t *testing.T) {
	told := os.Getenv(slowSinkVariable)
	if told == "" {
		t.Skip("it is run by another test, as a process of its own")
	}
	var s slowSink
	if err := json.Unmarshal([]byte(told), &s); err != nil {
		t.Fatal(err)
	}
	heap := watchHeap()
	var stalls int // one worker
	step := time.NewTicker(slowStep)
	defer step.Stop()
	taken := 0
	topology := framework.New()
	topology.From(kafka.Topic(s.From, codec.None, codec.Bytes)).Map(func(value []byte) string {
		<-step.C
		if taken++; taken%stallEvery == 0 {
			stalls++
			<-time.After(stall)
		}
		return checksum(value)
	}).To(kafka.Topic(s.To, codec.None, codec.String))
	app, err := topology.Build(framework.Config{
		Name: s.Name, Guarantee: framework.ExactlyOnce, Workers: 1, Bounded: true,
		Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: []string{s.Broker}, Options: []kgo.Opt{kgo.SessionTimeout(sessionLength)}})},
	})
	if err == nil {
		err = app.Run(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	answer, err := json.Marshal(peaks{heap(), stalls, app.Stats().Pauses})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(toldPrefix + string(answer))
}

// watchHeap looks at the memory that GOMEMLIMIT limits until the function is called that it returns, which tells the most that there was.
func watchHeap() (most func() uint64) {
	all := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	stop, highest := make(chan struct{}), make(chan uint64)
	go func() { // the function returned waits for it
		peak := uint64(0)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(all)
			peak = max(peak, all[0].Value.Uint64()-all[1].Value.Uint64())
			select {
			case <-tick.C:
			case <-stop:
				highest <- peak
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-highest
	}
}
