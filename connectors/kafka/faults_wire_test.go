//go:build synctests

package kafka

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type connection = net.Conn

func (w *wire) options() []kgo.Opt { return []kgo.Opt{kgo.Dialer(w.dial)} }

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	unplugged := w.unplugged
	w.mu.Unlock()
	if unplugged {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED} // what the client backs off after
	}
	c, err := w.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return c, nil
}

// cut closes all connections and returns how many there were.
func (w *wire) cut() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.conns)
	for _, c := range w.conns {
		c.Close()
	}
	w.conns = nil
	return n
}

func (w *wire) unplug() {
	w.mu.Lock()
	w.unplugged = true
	w.mu.Unlock()
	w.cut()
}

// writer writes lines, and reads what became of them.
type writer struct {
	t *testing.T
	s *storm
	*kgo.Client
}

func newWriter(t *testing.T, s *storm) *writer {
	cl, err := kgo.NewClient(append((&wire{net: &s.net}).options(), kgo.SeedBrokers(s.cluster.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	return &writer{t, s, cl}
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
		w.Produce(w.s.ctx, &kgo.Record{Topic: "lines", Value: []byte(strings.Join(line, " ")), Timestamp: time.Now()}, func(_ *kgo.Record, err error) {
			if err != nil {
				w.s.fail("a line was not written: %v", err)
			}
		})
	}
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
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	cl, err := kgo.NewClient(append((&wire{net: &w.s.net}).options(), kgo.SeedBrokers(w.s.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	last := map[string]int64{}
	for left > 0 && w.s.ctx.Err() == nil {
		cl.PollFetches(w.s.ctx).EachRecord(func(r *kgo.Record) {
			left--
			last[string(r.Key)] = int64(binary.BigEndian.Uint64(r.Value))
		})
	}
	return last
}
