package integration

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What windows give exactly once is the same, to the byte and once each, where instances are killed and ends of transactions go wrong, too:
// nothing is taken off what is read before it is compared with what a batch program computes.
func TestWindowsExactlyOnceDoNotDependOnKills(t *testing.T) {
	b := sharedBroker(t)
	began := time.Now()
	n := number(t, "EXACT_COMBINATIONS", 20)
	sum := byLuck(t, b, n, 7, true)
	t.Logf("%d combinations in %s: %+v", n, time.Since(began).Round(time.Second), sum)
	if !t.Failed() && (sum.Kills == 0 || sum.Faults == 0 || sum.Aborts == 0 || sum.Records == 0) {
		t.Error("one of these is 0: nothing is shown")
	}
}

// harms is what happened to the instances of a trial.
type harms struct {
	Kills   int   // instances that are gone without a word
	AtPoint int   // of these, at the request that was meant
	Faults  int   // ends of transactions that went wrong
	Aborts  int64 // times that instances which were not killed went back to their last commit
	Records int   // of the output, compared
}

func (h *harms) add(o harms) {
	h.Kills, h.AtPoint, h.Faults, h.Aborts, h.Records = h.Kills+o.Kills, h.AtPoint+o.AtPoint, h.Faults+o.Faults, h.Aborts+o.Aborts, h.Records+o.Records
}

const (
	// The end of a transaction is a record in each partition that was written to, of which there are hundreds.
	shortestTransaction = 100 * time.Millisecond

	shortTransaction = 2 * time.Second // that nobody ends
	comesToPoint     = time.Second     // within which an instance that has anything to do comes to a commit
)

// harm kills instances, and makes ends of transactions go wrong.
func (tr *trial) harm(bounded bool) {
	if !tr.of.exactly || len(tr.serving) == 0 {
		return
	}
	nth := tr.rng.IntN(len(tr.serving))
	r := tr.serving[nth]
	switch tr.rng.IntN(3) {
	case 0:
		r.wire.arm(fault{kmsg.EndTxn, []way{refused, applied, hungUp}[tr.rng.IntN(3)]})
	case 1:
		point := []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn}[tr.rng.IntN(3)]
		fired := r.wire.arm(fault{point, []way{cutBefore, cutAfter}[tr.rng.IntN(2)]})
		if !bounded {
			tr.feed(1 + tr.rng.IntN(tr.of.portion))
		}
		select {
		case <-fired:
			tr.harms.AtPoint++
		case <-r.ended: // a bounded one that was done, or one whose wire was cut a while ago
			if !happened(fired) {
				tr.c.must(r.err)
				return
			}
			tr.harms.AtPoint++
		case <-time.After(comesToPoint): // it has nothing to do
		}
		tr.kill(nth, bounded)
	}
}

func happened(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// kill takes an instance away without a word. Another one comes: mostly under its name, which ends what it left open; else that ends by
// the time-outs of session and transaction.
func (tr *trial) kill(nth int, bounded bool) {
	r := tr.serving[nth]
	r.wire.kill()
	r.stop() // nothing of it reaches the brokers; the end of the test waits for the rest of it
	tr.harms.Kills++
	tr.serving = append(tr.serving[:nth:nth], tr.serving[nth+1:]...)
	if tr.rng.IntN(6) == 0 {
		tr.serve(bounded)
	} else {
		tr.serveAs(r.instance, bounded)
	}
}

// bury counts what happened to an instance that ended by itself or was stopped.
func (tr *trial) bury(r *served) {
	tr.harms.Aborts += r.app.Stats().Aborts
	if r.wire != nil {
		tr.harms.Faults += r.wire.hit()
	}
}
