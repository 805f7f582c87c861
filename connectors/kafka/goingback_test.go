//go:build synctests

package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// stubborn runs an exactly-once word count on a broker that answers one kind of request with one error for ever, or for so long. It returns what
// the application ended with, nil where it still ran after two minutes and twice that time, and how long that took.
func stubborn(t *testing.T, key kmsg.Key, code *kerr.Error, topic string, within time.Duration) (end error, took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &storm{ctx: ctx, rng: rand.New(rand.NewPCG(1, 1)), guarantee: framework.ExactlyOnce, fail: t.Errorf, words: map[string]int64{}}
		var err error
		s.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(s.net.Listen), kfake.MaxVersions(kversion.V4_1_0()),
			kfake.SeedTopics(2, "lines"), kfake.SeedTopics(2, "word-counts"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.cluster.Close()
		wholeFetches(s.cluster)
		defer func() {
			for _, w := range s.wires {
				w.cut()
			}
		}()
		s.writer = newWriter(t, s)
		defer s.writer.Close()
		s.admin = kadm.NewClient(s.writer.Client)
		s.writer.lines(20)
		app := s.launch(framework.Config{Workers: 1, Instance: "one", PurgeInterval: time.Hour}, s.wire())
		s.settle()
		fault := s.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: code, Topic: topic, Count: -1})
		began := time.Now()
		s.writer.lines(10)
		for time.Since(began) < max(2*time.Minute, 2*within) && len(app.ended) == 0 {
			if time.Sleep(time.Second); within > 0 && time.Since(began) > within {
				fault.Remove()
			}
		}
		took = time.Since(began)
		if fault.Hits() == 0 {
			t.Error("the fault was not hit: that proves nothing")
		}
		fault.Remove()
		if len(app.ended) == 0 {
			s.settle()
			s.stop(0, false)
		} else {
			end = <-app.ended
			if committed, err := s.admin.FetchOffsets(ctx, "words"); err != nil || !committed.Ok() {
				t.Errorf("the group is %v, %v", committed, err)
			}
			s.apps = nil
			s.launch(framework.Config{Workers: 1, Instance: "one", PurgeInterval: time.Hour}, s.wire())
			s.settle()
			s.stop(0, false)
		}
		s.writer.compare(true)
	})
	return end, took
}

// Whatever a code says, the next try may go well. One that comes for ever would keep a worker going back for ever, with its input standing still.
func TestAnErrorThatMakesAWorkerGoBackForEverEndsTheApplication(t *testing.T) {
	for _, c := range []struct {
		key   kmsg.Key
		code  *kerr.Error
		topic string
	}{
		{kmsg.TxnOffsetCommit, kerr.UnsupportedForMessageFormat, "lines"},
		{kmsg.TxnOffsetCommit, kerr.InvalidTxnState, "lines"},
		{kmsg.EndTxn, kerr.TransactionAbortable, ""},
		{kmsg.EndTxn, kerr.UnknownServerError, ""},
		{kmsg.Produce, kerr.InvalidTxnState, "word-counts"}, // while the tasks before it go on
	} {
		t.Run(kmsg.NameForKey(int16(c.key))+": "+c.code.Message, func(t *testing.T) {
			end, took := stubborn(t, c.key, c.code, c.topic, 0)
			if end == nil {
				t.Fatal("it goes back for ever")
			}
			t.Log(took, end)
			if took < backLong || took > time.Minute {
				t.Errorf("it ended after %s", took)
			}
			if fault := unclear(end); fault != "" || !errors.Is(end, c.code) || !strings.Contains(end.Error(), "the worker went back to its last commit ") {
				t.Errorf("%s: %v", fault, end)
			}
		})
	}
}

// Brokers that are away for longer than that come back.
func TestATemporaryErrorNeverEndsTheApplication(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		t.Run(kmsg.NameForKey(int16(key)), func(t *testing.T) {
			end, took := stubborn(t, key, kerr.CoordinatorNotAvailable, "", 5*time.Minute)
			if end != nil {
				t.Errorf("it ended after %s with %v", took, end)
			}
		})
	}
}

// A code that comes now and then is another matter each time.
func TestErrorsThatComeNowAndThenDoNotEndTheApplication(t *testing.T) {
	var g goingBack
	now := time.Unix(0, 0)
	for i := range 100 {
		now = now.Add(backApart + time.Second)
		if err := g.back(kerr.InvalidTxnState, now); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	for i := range 100 {
		now = now.Add(time.Second)
		cause := []error{kerr.InvalidTxnState, kerr.TransactionAbortable, kerr.UnknownMemberID, kerr.CoordinatorNotAvailable, errNotHeld}[i%5]
		if err := g.back(cause, now); err != nil {
			t.Fatalf("after %d: %v", i, err)
		}
	}
	for i := range 100 {
		if err := g.back(kerr.InvalidTxnState, now.Add(time.Duration(i)*time.Millisecond)); err != nil {
			t.Fatalf("after %d within a moment: %v", i, err)
		}
	}
}
