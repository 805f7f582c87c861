package framework_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestRepartitionIntoSetsTheNumberOfPartitionsAndOfTasksBehind(t *testing.T) {
	d := frameworktest.Config{Partitions: 2, RepartitionPartitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(parity).RepartitionInto("own", 7).Grouped().Count("own-counts")
		t.From(numbers).KeyBy(parity).Repartition("set").Grouped().Count("set-counts")
		t.From(numbers).GroupBy(parity).Count("automatic")
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=3@0")
	for topic, want := range map[string]int{
		"test-own-repartition": 7, "test-own-counts-changelog": 7,
		"test-set-repartition": 3, "test-set-counts-changelog": 3,
		"test-automatic-repartition": 3, "test-automatic-changelog": 3,
	} {
		if got := len(d.Partitions(topic)); got != want {
			t.Errorf("topic %s has %d partitions, want %d", topic, got, want)
		}
	}
	for _, store := range []string{"own-counts", "set-counts", "automatic"} {
		equalContent(t, d, store, map[string]int64{"odd": 2, "even": 1})
	}
}

func TestWordCountGivesTheSameTableWhateverTheRepartitionsPartitions(t *testing.T) {
	text := strings.Fields(strings.Repeat("the mill by the water and the race in the mill ", 20))
	var first map[string]int64
	for _, partitions := range []int{1, 3, 16} {
		d := frameworktest.Config{Partitions: 4, RepartitionPartitions: partitions}.New(t, wordcount)
		for i := 0; i < len(text); i += 4 {
			d.Pipe(lines, framework.None{}, strings.Join(text[i:i+4], " "), at(int64(i)))
			if i == 20 {
				d.Rebuild()
			}
		}
		content := d.Content(framework.StoreOf[string, int64]("counts"))
		if first == nil {
			first = content
		}
		if !maps.Equal(content, first) || content["the"] != 80 || len(content) != 7 {
			t.Errorf("%d partitions: %v, want %v", partitions, content, first)
		}
		if got := len(d.Partitions("test-counts-changelog")); got != partitions {
			t.Errorf("the changelog has %d partitions, want %d", got, partitions)
		}
	}
}

func TestARepartitionIntoOnePartitionIsForStateWithoutKey(t *testing.T) {
	unkeyedSums := func(t *framework.Topology) {
		t.From(unkeyed).RepartitionInto("all", 1).Scan("sums", 0, add).To(unkeyedOut)
	}
	d := frameworktest.Config{PartitionsOf: map[string]int{"in": 4}}.New(t, unkeyedSums)
	pipeText(d, "in", "-=1@0 -=2@0 -=3@0 -=4@0")
	if got, want := readText(d, "out"), "-=1@0 -=3@0 -=6@0 -=10@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBuildRefusesANumberOfPartitionsThatNoTopicHas(t *testing.T) {
	for _, n := range []int{0, -1, math.MaxInt32 + 1} {
		top := framework.New()
		top.From(numbers).RepartitionInto("again", n).To(results)
		want := fmt.Sprintf("repartition again: its topic is to have %d partitions: at least 1", n)
		if _, err := top.Plan("app"); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	for _, n := range []int{-1, math.MaxInt32 + 1} {
		top := framework.New()
		wordcount(top)
		want := fmt.Sprintf("repartition topics are to have %d partitions each: at least 1, or 0 for the default", n)
		if _, err := top.Build(framework.Config{Name: "app", RepartitionPartitions: n}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestRepartitionsThatComeTogetherHaveTheSameNumberOfPartitions(t *testing.T) {
	c := memory.New()
	in, other := memory.Topic("in", codec.String, codec.Int), memory.Topic("other", codec.String, codec.Int)
	run := func(left, right int) error {
		top := framework.New()
		top.From(in).KeyBy(parity).RepartitionInto("left", left).
			Merge(top.From(other).KeyBy(parity).RepartitionInto("right", right)).
			Grouped().Count("counts")
		return bounded(c, top, framework.Config{Name: fmt.Sprintf("app-%d-%d", left, right)})
	}
	for _, topic := range []string{"in", "other"} {
		if err := c.CreateTopic(topic, 2); err != nil {
			t.Fatal(err)
		}
	}
	const want = "count counts: topics app-3-4-left-repartition and app-3-4-right-repartition come together by key and have 3 and 4 partitions: give them the same number, or put Repartition(name) before it"
	if err := run(3, 4); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := run(3, 3); err != nil {
		t.Error(err)
	}
}

// An application starts again with another number: what is in its internal topics would be in the wrong places.
func TestTheNumberOfPartitionsIsFixedAtTheFirstStart(t *testing.T) {
	for name, c := range map[string]struct {
		into, config, again int // 0: not set
		want                string
	}{
		"of one repartition":   {4, 0, 5, "internal topic app-words-repartition has 4 partitions and the graph needs 5: the partitions of a source, or the number that is set for repartitions, changed; change it back, use another application name, or delete"},
		"of all":               {0, 4, 3, "internal topic app-words-repartition has 4 partitions and the graph needs 3: "},
		"that is not set then": {0, 4, 0, "internal topic app-words-repartition has 4 partitions and the graph needs 2: "},
		"that is the same":     {4, 0, 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			broker, in := memory.New(), memory.Topic("in", codec.String, codec.Int)
			if err := broker.CreateTopic("in", 2); err != nil {
				t.Fatal(err)
			}
			if err := memory.Write(broker, in, framework.Record[string, int]{Key: "a", Value: 1, Time: at(0)}); err != nil {
				t.Fatal(err)
			}
			run := func(into, config int) error {
				top := framework.New()
				s := top.From(in).KeyBy(parity)
				if into > 0 {
					s = s.RepartitionInto("words", into)
				} else {
					s = s.Repartition("words")
				}
				s.Grouped().Count("counts")
				return bounded(broker, top, framework.Config{Name: "app", RepartitionPartitions: config})
			}
			if err := run(c.into, c.config); err != nil {
				t.Fatal(err)
			}
			if got := len(broker.Logs("app-words-repartition")); got != 4 {
				t.Fatalf("the topic has %d partitions, want 4", got)
			}
			again, config := c.again, 0
			if c.config > 0 {
				again, config = 0, c.again
			}
			err := run(again, config)
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got  %v\nwant %s", err, c.want)
			case c.want != "" && !strings.Contains(err.Error(), "app-counts-changelog"):
				t.Errorf("the changelog is not named: %v", err)
			}
		})
	}
}

// boundedOn completes a configuration: what a connector holds is processed.
func boundedOn(c connector.Connector, config framework.Config) framework.Config {
	config.Connectors, config.Bounded, config.Logger = []connector.Connector{c}, true, slog.New(slog.DiscardHandler)
	return config
}

// bounded runs a graph on what a connector holds.
func bounded(c connector.Connector, top *framework.Topology, config framework.Config) error {
	app, err := top.Build(boundedOn(c, config))
	if err != nil {
		return err
	}
	return app.Run(context.Background())
}

func ExampleStream_RepartitionInto() {
	orders := frameworktest.Topic("orders", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		// The source has one partition, and four tasks share the work behind the repartition.
		t.From(orders).KeyBy(func(n int) int { return n % 10 }).RepartitionInto("by-digit", 4).Grouped().Count("counts")
	})
	pipe(d, orders, 5, 15, 12, 25)
	content := d.Content(framework.StoreOf[int, int64]("counts"))
	for _, digit := range slices.Sorted(maps.Keys(content)) {
		fmt.Println(digit, content[digit])
	}
	fmt.Println(len(d.Partitions("test-by-digit-repartition")), "partitions")
	// Output:
	// 2 1
	// 5 3
	// 4 partitions
}
