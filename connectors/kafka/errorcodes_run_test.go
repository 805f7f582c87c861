//go:build synctests

package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// answered is the life of an exactly-once word count of which one request got a wrong answer.
type answered struct {
	*storm
	t      *testing.T
	tap    *tap
	lag    func() int64
	ends   []error // of instances that ended by themselves, or did not stop cleanly
	starts int
}

// answer runs it on brokers of a version and returns what came of it.
func answer(t *testing.T, versions *kversion.Versions, wrong *wrongAnswer) (a *answered) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		if wrong != nil {
			format = wrong.String() + ": " + format
		}
		t.Errorf(format, args...)
	}
	defer func() {
		if p := recover(); p != nil {
			fail("%v\n%s", p, stacks())
		}
	}()
	watchdog := time.AfterFunc(time.Minute, func() { panic(fmt.Sprint(wrong, ": no progress")) })
	defer watchdog.Stop()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a = &answered{t: t, tap: &tap{wrong: wrong, sent: map[kmsg.Key]int{}}, storm: &storm{
			ctx: ctx, rng: rand.New(rand.NewPCG(1, 1)), guarantee: framework.ExactlyOnce, fail: fail, words: map[string]int64{},
		}}
		var err error
		a.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(a.net.Listen), kfake.MaxVersions(versions),
			kfake.SeedTopics(2, "lines"), kfake.SeedTopics(2, "word-counts"))
		if err != nil {
			t.Fatal(err)
		}
		defer a.cluster.Close()
		a.live()
	})
	return a
}

// live runs one instance, two of them, one again, and one that starts anew.
func (a *answered) live() {
	defer func() {
		for _, w := range a.wires {
			w.cut()
		}
	}()
	a.writer = newWriter(a.t, a.storm)
	defer a.writer.Close()
	a.admin = kadm.NewClient(a.writer.Client)
	a.lag = a.storm.lag()
	a.writer.lines(20)
	a.begin("first")
	a.settle()
	a.writer.lines(10)
	a.begin("second")
	a.settle()
	a.writer.empty(2) // of which nothing becomes
	a.settle()
	a.writer.lines(10)
	a.settle()
	a.stop(len(a.apps) - 1)
	a.writer.lines(10)
	a.settle()
	for len(a.apps) > 0 {
		a.stop(0)
	}
	a.begin("first")
	a.writer.lines(10)
	a.settle()
	for len(a.apps) > 0 {
		a.stop(0)
	}
	a.writer.compare(true)
}

// begin starts an instance.
func (a *answered) begin(instance string) {
	if a.starts++; a.starts > 10 {
		return
	}
	w := a.wire()
	w.tap = a.tap
	a.launch(framework.Config{Workers: 1, Instance: instance, PurgeInterval: 2 * time.Second}, w)
}

// stop ends an instance as a signal does.
func (a *answered) stop(i int) {
	app := a.apps[i]
	a.apps = append(a.apps[:i:i], a.apps[i+1:]...)
	app.cancel()
	if err := <-app.ended; err != nil && !errors.Is(err, context.Canceled) {
		a.ends = append(a.ends, err)
	}
}

// settle waits until all is committed, and starts instances again that end, as an orchestrator does.
func (a *answered) settle() {
	left := int64(-1)
	for range 300 {
		time.Sleep(time.Second)
		for i := 0; i < len(a.apps); i++ {
			if app := a.apps[i]; len(app.ended) > 0 {
				a.ends = append(a.ends, <-app.ended)
				a.apps = append(a.apps[:i:i], a.apps[i+1:]...)
				a.begin(app.instance)
			}
		}
		if left = a.lag(); left == 0 {
			return
		}
	}
	a.fail("%d records are not committed after 5 minutes; instances ended with %v", left, a.ends)
}

// unclear says what is wrong with an error that an application ends with: each of its faults has to be one line that says what to do.
func unclear(err error) string {
	if err == nil {
		return "it ended by itself without an error"
	}
	seen := map[string]bool{}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if seen[line] {
			return "the error says one thing twice"
		}
		seen[line] = true
		if !slices.ContainsFunc(advice, func(a advisedCode) bool { return strings.HasSuffix(line, "; "+a.do) }) && !strings.Contains(line, ": create it, or ") &&
			!strings.Contains(line, "; give the topic more retention, or ") {
			return "the error does not say what to do"
		}
	}
	return ""
}
