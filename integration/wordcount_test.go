package integration

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestAWordCountOverFourPartitionsEqualsABatchCount(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	lines := newText(1).lines(20_000)
	c.lines(from, 4, lines)
	if err := c.run(framework.Config{Bounded: true}, countWords(from, to)).result(); err != nil {
		t.Fatal(err)
	}
	c.counts(to).equal(batchCount(lines...))
	ends, err := c.ends(from)
	c.must(err)
	committed, err := c.committed(c.name, from)
	c.must(err)
	if !maps.Equal(committed, ends) || len(ends) != 4 {
		t.Errorf("offsets %v are committed, want %v", committed, ends)
	}
}

// TestInstancesShareThePartitionsAndLoseNothing moves partitions between three instances while lines come in: one leaves
// and one joins in the middle. All moves are graceful, so that the counts are exact.
func TestInstancesShareThePartitionsAndLoseNothing(t *testing.T) {
	c := sharedBroker(t).open(t, 2*time.Minute)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	lines := c.feed(from, 2)
	instance := func(id string) *running {
		return c.run(framework.Config{
			Workers:    2,
			Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: []string{c.broker.address}, Options: []kgo.Opt{kgo.ClientID(id)}})},
		}, countWords(from, to))
	}
	share := func(ids ...string) func() (bool, error) {
		return func() (bool, error) {
			owned, err := c.owners(c.name, from)
			t.Log(owned)
			even := len(owned) == len(ids)
			for _, id := range ids {
				even = even && owned[id] == 4/len(ids)
			}
			return even, err
		}
	}
	first := instance("first").ready()
	c.until("the first instance has all partitions", share("first"), first)
	second := instance("second").ready()
	c.until("the second instance has its share", share("first", "second"), first, second)
	c.until("both have processed lines", func() (bool, error) {
		return first.app.Stats().In > 0 && second.app.Stats().In > 0, nil
	}, first, second)
	first.halt()
	c.until("the second instance has all partitions", share("second"), second)
	third := instance("third").ready()
	c.until("the third instance has its share", share("second", "third"), second, third)
	want := lines.end()
	got := c.counts(to)
	c.until("all words are counted", got.reach(want), second, third)
	second.halt()
	third.halt()
	got.equal(want)
}

// TestWordcountAddsToWhatTheTopicsHold runs the application as a user does, twice.
func TestWordcountAddsToWhatTheTopicsHold(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	lines := newText(3).lines(5000)
	input := c.file("input.txt", lines)
	for run := 1; run <= 2; run++ {
		output := c.file("output.jsonl", nil)
		p := c.wordcount("-brokers", c.broker.address, "-name", c.name, "-from", c.name+"-lines", "-to", c.name+"-counts",
			"-input", input, "-output", output)
		if code := p.exit(); code != 0 {
			t.Fatalf("run %d ended with exit code %d", run, code)
		}
		want := batchCount(slices.Repeat(lines, run)...)
		if got := c.finalCounts(output); !maps.Equal(got, want) {
			t.Errorf("run %d counted %d words with %d occurrences, want %d with %d", run, len(got), occurrences(got), len(want), occurrences(want))
		}
	}
}
