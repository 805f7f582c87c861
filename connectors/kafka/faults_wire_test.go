//go:build synctests

package kafka

import (
	"context"
	"encoding/binary"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// wire is the network as an instance sees it.
type wire struct {
	net *kfake.VirtualNetwork
	tap *tap // nil: none

	mu        sync.Mutex // guards the rest
	conns     []*connection
	unplugged bool
}

// connection is one on which every request takes some time: without it a client that asks again at once, as after
// NOT_LEADER, would stop the clock of the bubble, and with it all that waits for the next look at metadata.
//
// The broker does not hear of a Close: kfake never forgets a member whose connection ends while it waits for the others
// to join. It hears of a cut.
type connection struct {
	net.Conn
	wire   *wire
	closed atomic.Bool
}

func (c *connection) Write(b []byte) (int, error) {
	time.Sleep(100 * time.Microsecond)
	if err := c.err(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *connection) Read(b []byte) (int, error) {
	if err := c.err(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if gone := c.err(); gone != nil {
		return 0, gone
	}
	return n, err
}

func (c *connection) SetReadDeadline(t time.Time) error {
	if c.err() != nil {
		return nil // it has passed
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *connection) Close() error {
	c.closed.Store(true)
	return c.Conn.SetDeadline(time.Now())
}

func (c *connection) err() error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	if c.wire.dead() {
		return errUnplugged
	}
	return nil
}

// errUnplugged is of a kind after which the client waits before it dials again.
var errUnplugged = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

func (w *wire) options() []kgo.Opt { return []kgo.Opt{kgo.Dialer(w.dial)} }

func (w *wire) dead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unplugged
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if w.dead() {
		return nil, errUnplugged
	}
	conn, err := w.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if w.tap != nil {
		conn = w.tap.on(conn)
	}
	c := &connection{Conn: conn, wire: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return c, nil
}

// cut ends all connections and returns how many there were.
func (w *wire) cut() int {
	w.mu.Lock()
	conns := w.conns
	w.conns = nil
	w.mu.Unlock()
	for _, c := range conns {
		c.Conn.Close()
	}
	return len(conns)
}

// unplug takes the network away for good.
func (w *wire) unplug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unplugged = true
	for _, c := range w.conns {
		c.Conn.SetDeadline(time.Now())
	}
}

// writer writes lines, and reads what became of them.
type writer struct {
	t *testing.T
	s *storm
	*kgo.Client
	written, read int // records
}

func newWriter(t *testing.T, s *storm) *writer {
	cl, err := kgo.NewClient(append(s.wire().options(), kgo.SeedBrokers(s.cluster.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	return &writer{t: t, s: s, Client: cl}
}

// lines writes n lines.
func (w *writer) lines(n int) {
	vocabulary := strings.Fields("a river turns the wheel of mill and")
	for range n {
		var line []string
		for range w.s.rng.IntN(6) {
			word := vocabulary[min(w.s.rng.IntN(8), w.s.rng.IntN(8))]
			w.s.words[word]++
			line = append(line, word)
		}
		w.line(strings.Join(line, " "))
	}
	w.flush()
}

// empty writes n lines without words.
func (w *writer) empty(n int) {
	for range n {
		w.line("")
	}
	w.flush()
}

func (w *writer) line(text string) {
	w.written++
	w.Produce(w.s.ctx, &kgo.Record{Topic: "lines", Value: []byte(text), Timestamp: time.Now()}, func(_ *kgo.Record, err error) {
		if err != nil {
			w.s.fail("a line was not written: %v", err)
		}
	})
}

func (w *writer) flush() {
	if err := w.Flush(w.s.ctx); err != nil {
		w.s.fail("%v", err)
	}
}

// compare compares the counts with those of the lines.
func (w *writer) compare(exact bool) {
	counts, logged := w.last("word-counts"), w.last("words-counts-changelog")
	for word, want := range w.s.words {
		for topic, got := range map[string]int64{"word-counts": counts[word], "the changelog": logged[word]} {
			if got < want || exact && got != want {
				w.s.fail("%s has %d of %q, there are %d", topic, got, word, want)
			}
		}
	}
}

// last reads a topic to its end and returns the last count of each word.
func (w *writer) last(topic string) map[string]int64 {
	ends, err := kadm.NewClient(w.Client).ListEndOffsets(w.s.ctx, topic)
	if err != nil {
		w.s.fail("%v", err)
		return nil
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	cl, err := kgo.NewClient(append(w.s.wire().options(), kgo.SeedBrokers(w.s.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	last := map[string]int64{}
	bounded, cancel := context.WithTimeout(w.s.ctx, time.Minute) // aborted records at the end of a log are not shown
	defer cancel()
	for len(left) > 0 && bounded.Err() == nil {
		cl.PollFetches(bounded).EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if r.Attrs.IsControl() || len(r.Value) != 8 { // a changelog says what it is of
				return
			}
			w.read++
			n := int64(binary.BigEndian.Uint64(r.Value))
			if w.s.guarantee == framework.ExactlyOnce && n <= last[string(r.Key)] {
				w.s.fail("%s has %d of %q after %d", topic, n, r.Key, last[string(r.Key)])
			}
			last[string(r.Key)] = n
		})
	}
	return last
}

// wholeFetches has no fetch be cut where it gets too long as a whole: of the partition in which it is cut kfake does not say which
// transactions were aborted, and here are many.
func wholeFetches(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		r.(*kmsg.FetchRequest).MaxBytes = math.MaxInt32
		return nil, nil, false
	})
}
