package integration

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/apps/flights/flightstest"
	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCountsAreExactAfterKills kills instances of exactly-once programs with SIGKILL at random moments, and stops some of them as zombies,
// while input comes in: a word count with its table in memory, one with it on disk, and windows of flights. What is committed is what a
// batch program computes, each result once.
func TestCountsAreExactAfterKills(t *testing.T) {
	t.Parallel() // most of it is waiting
	kills := number(t, "EXACT_KILLS", 60)
	seed := int64(number(t, "SEED", int(time.Now().UnixNano())))
	t.Logf("SEED=%d", seed)
	b := briefBroker(t)
	programs := []struct {
		name string
		run  func(*fleet)
	}{
		{"words in memory", func(f *fleet) { f.countWords(func(int) bool { return false }) }},
		{"words on disk", func(f *fleet) { f.countWords(func(int) bool { return true }) }},
		{"hours of flights", (*fleet).computeHours},
	}
	began, all := time.Now(), fleet{}
	for done := 0; done < kills && !t.Failed(); done += killsARound {
		kills := min(kills-done, killsARound)
		for i, p := range programs {
			share := func(n int) int { return n*(i+1)/len(programs) - n*i/len(programs) }
			t.Run(p.name, func(t *testing.T) {
				f := newFleet(t, b, 10*time.Minute, seed+int64(done+i))
				f.harms = f.plan(share(kills), share((kills+11)/12))
				p.run(f)
				f.c.forget()
				all.kills, all.zombies, all.checked = all.kills+f.kills, all.zombies+f.zombies, all.checked+f.checked
			})
		}
	}
	t.Logf("%d kills and %d zombies in %s, %d results checked", all.kills, all.zombies, time.Since(began).Round(time.Second), all.checked)
	if !t.Failed() && (all.kills == 0 || all.zombies == 0 || all.checked == 0) {
		t.Error("one of these is 0: nothing is shown")
	}
}

// killsARound is after how many kills topics are made anew, so that they can be read to the end in a long run, too.
const killsARound = 60

// countWords counts words.
func (f *fleet) countWords(onDisk func(instance int) bool) {
	from, to := f.c.topic("lines", 4), f.c.topic("counts", 4)
	lines := f.c.feed(from, f.random.Int63())
	f.start = func(i int) *process {
		return f.launch(i, onDisk(i), "wordcount", "-from", from, "-to", to)
	}
	f.begin()
	f.c.writesTo(to, f.running[0])
	for _, harm := range f.harms {
		f.suffer(harm)
	}
	want := lines.end()
	got := f.c.counts(to)
	f.untilCounted(got, want)
	f.end()
	got.equal(want)
	f.c.neverTwice(to)
	f.c.t.Logf("%d kills, %d zombies, %d of them after more commits; %d words in %d lines, each counted once", f.kills, f.zombies, f.working, occurrences(want), occurrences(want)/12)
	f.checked = occurrences(want)
}

// computeHours computes the hours of a year of flights. A last run computes to the end.
func (f *fleet) computeHours() {
	rows, _ := year(f.c.t)
	rows = flightstest.ByDay(rows)
	f.c.topic("departures", 4)
	f.start = func(i int) *process { return f.launch(i, i > 0, "flights", "-output", os.DevNull) }
	f.begin()
	for i, harm := range f.harms {
		f.c.depart(rows[len(rows)*i/len(f.harms) : len(rows)*(i+1)/len(f.harms)])
		f.suffer(harm)
	}
	f.end()
	got, late := fly(f.c.t, "-brokers", f.c.broker.address, "-name", f.c.name, "-exactly-once", "-input", os.DevNull)
	want := flightstest.Hours(rows)
	sameLines(f.c.t, "hours", got, want)
	sameLines(f.c.t, "late", late, "")
	f.c.oneFinalEach(f.c.name, want)
	f.checked = int64(strings.Count(want, "\n"))
	f.c.t.Logf("%d kills, %d zombies, %d of them after more commits; %d hours of %d flights, each once", f.kills, f.zombies, f.working, f.checked, len(rows))
}

// neverTwice fails the test where a count of a word is not higher than the one before it.
func (c *cluster) neverTwice(topic string) {
	c.t.Helper()
	last := map[string]int64{}
	c.reader(topic).each(func(r *kgo.Record) {
		count, err := codec.Int64.Decode(r.Value)
		c.must(err)
		if count <= last[string(r.Key)] {
			c.t.Errorf("%s has %d after %d", r.Key, count, last[string(r.Key)])
		}
		last[string(r.Key)] = count
	})
}

// each calls f for the records of a topic, which may be more than can be kept.
func (r *reader) each(f func(*kgo.Record)) {
	r.c.t.Helper()
	ends, err := r.c.ends(r.topic)
	r.c.must(err)
	r.next, err = r.c.starts(r.topic)
	for r.c.must(err); r.behind(ends); {
		fetched := r.client.PollFetches(r.c.ctx)
		r.c.must(fetched.Err())
		fetched.EachRecord(func(x *kgo.Record) {
			if r.next[x.Partition] = x.Offset + 1; !x.Attrs.IsControl() {
				f(x)
			}
		})
	}
}

// forget deletes the topics of a test that has passed.
func (c *cluster) forget() {
	c.t.Helper()
	listed, err := c.admin.ListTopics(c.ctx)
	c.must(err)
	topics := slices.DeleteFunc(listed.Names(), func(topic string) bool { return !strings.HasPrefix(topic, c.name+"-") })
	deleted, err := c.admin.DeleteTopics(c.ctx, topics...)
	c.must(errors.Join(err, deleted.Error()))
}
