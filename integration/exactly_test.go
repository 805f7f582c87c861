package integration

import (
	"fmt"
	"math/rand"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

// TestCountsAreExactAfterKills kills three instances of an exactly-once word count with SIGKILL at random moments, and stops some of
// them as zombies, while lines come in. What is committed has each word once for each time that it came, and no count comes twice.
func TestCountsAreExactAfterKills(t *testing.T) {
	t.Parallel() // most of it is waiting
	kills := number(t, "EXACT_KILLS", 6)
	c := sharedBroker(t).open(t, 3*time.Minute+time.Duration(kills)*30*time.Second)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	lines := c.feed(from, seed)
	const instances = 3
	folder := t.TempDir()
	serve := func(i int) *process { // the first has its tables in memory, the others on disk
		flags := []string{"-brokers", c.broker.address, "-name", c.name, "-from", from, "-to", to, "-exactly-once", "-instance", fmt.Sprint(i)}
		if i > 0 {
			flags = append(flags, "-state", filepath.Join(folder, fmt.Sprint(i)))
		}
		return c.wordcount(flags...)
	}
	var running [instances]*process
	for i := range running {
		running[i] = serve(i)
	}
	c.writesTo(to, running[0])
	zombies := 0
	for kill := range kills {
		i := random.Intn(instances)
		c.sleep(time.Duration(random.Int63n(int64(4*time.Second))), running[:]...)
		if kill%3 == 2 {
			running[i].signal(syscall.SIGSTOP)
			c.sleep(13*time.Second, running[:]...) // beyond the session's time-out, so that others go on with its partitions
			running[i].signal(syscall.SIGCONT)
			zombies++
			continue
		}
		running[i].signal(syscall.SIGKILL)
		running[i].exit()
		running[i] = serve(i)
	}
	want := lines.end()
	got := c.counts(to)
	c.until("all lines are counted", got.reach(want))
	for i := range running {
		running[i].signal(syscall.SIGTERM)
	}
	for i := range running {
		if code := running[i].exit(); code != 0 {
			t.Errorf("wordcount ended with exit code %d after SIGTERM", code)
		}
	}
	got.equal(want)
	c.neverTwice(to)
	t.Logf("%d kills and stops, %d zombies, %d lines' words, each counted once", kills, zombies, occurrences(want)/12)
}

// sleep waits, and fails the test where a process ends by itself meanwhile.
func (c *cluster) sleep(d time.Duration, running ...*process) {
	c.t.Helper()
	time.Sleep(d)
	for _, p := range running {
		select {
		case <-p.ended:
			c.t.Fatalf("wordcount ended by itself with exit code %d", p.exit())
		default:
		}
	}
}

// neverTwice fails the test where a count of a word is not higher than the one before it.
func (c *cluster) neverTwice(topic string) {
	c.t.Helper()
	last := map[string]int64{}
	for _, r := range c.reader(topic).read() {
		count, err := codec.Int64.Decode(r.Value)
		c.must(err)
		if count <= last[string(r.Key)] {
			c.t.Errorf("%s has %d after %d", r.Key, count, last[string(r.Key)])
		}
		last[string(r.Key)] = count
	}
}
