package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestATopicThatDoesNotExistIsRefusedAtTheStart(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	c.refused(framework.Config{}, countWords(c.name+"-nothing", c.topic("counts", 1)),
		1, "topic "+c.name+"-nothing does not exist", "create it")
}

func TestTopicsThatComeTogetherWithUnequalPartitionsAreRefusedAtTheStart(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	four, three, to := c.topic("four", 4), c.topic("three", 3), c.topic("counts", 4)
	c.refused(framework.Config{}, func(t *framework.Topology) {
		words := func(topic string) framework.Stream[string, string] {
			return t.From(kafka.Topic(topic, codec.String, codec.String))
		}
		words(four).Merge(words(three)).Grouped().Count("counts").Stream().To(countTopic(to))
	}, 1, "count counts", four, three, "4 and 3 partitions", "Repartition(name)")
}

func TestAnUndecodableRecordStopsOrIsCounted(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("numbers", 2), c.topic("copies", 2)
	var records []*kgo.Record
	want := map[string]int64{}
	for i := range int64(20) {
		key := fmt.Sprint("n", i)
		value, err := codec.Int64.Append(nil, i)
		c.must(err)
		if i == 13 {
			value = []byte("bad")
		} else {
			want[key] = i
		}
		records = append(records, &kgo.Record{Topic: from, Partition: int32(i % 2), Key: []byte(key), Value: value})
	}
	c.produce(records...)
	numbers := countTopic(from)
	copyTo := func(numbers framework.Topic[string, int64]) func(*framework.Topology) {
		return func(t *framework.Topology) { t.From(numbers).To(countTopic(to)) }
	}
	err := c.refused(framework.Config{Bounded: true}, copyTo(numbers),
		1, "topic "+from+", partition 1, offset 6", "value", "int64", "OnBadRecord(framework.Skip)")
	if !errors.Is(err, framework.ErrUndecodable) {
		t.Error("the error is not framework.ErrUndecodable")
	}
	r := c.run(framework.Config{Bounded: true}, copyTo(numbers.OnBadRecord(framework.Skip)))
	c.must(r.result())
	if n := r.app.Stats().Dropped["undecodable"]; n != 1 {
		t.Errorf("%d records are counted as undecodable, want 1", n)
	}
	c.counts(to).equal(want)
}

func TestAPanicInAFunctionOfTheUserNamesOperatorAndRecord(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 2), c.topic("counts", 2)
	c.lines(from, 2, []string{"fine", "fine", "fine", "boom"})
	c.refused(framework.Config{}, func(t *framework.Topology) {
		t.From(textTopic(from)).Map(func(line string) string {
			if line == "boom" {
				panic("it went " + line)
			}
			return line
		}).GroupBy(strings.ToLower).Count("counts").Stream().To(countTopic(to))
	}, 1, "operator map", "topic "+from+", partition 1, offset 1", "panic: it went boom")
}

// TestARecordLargerThanTheSinkAllowsStopsAndIsNotLost raises the topic's limit then, as the error says.
func TestARecordLargerThanTheSinkAllowsStopsAndIsNotLost(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 1), c.topic("copies", 1, "max.message.bytes=2000")
	lines := newText(5).lines(400)
	c.lines(from, 1, []string{"small", strings.Join(lines, " ")})
	copyLines := func(t *framework.Topology) { t.From(textTopic(from)).To(textTopic(to)) }
	c.refused(framework.Config{Bounded: true}, copyLines, 1, "topic "+to, "partition 0", "max.message.bytes", "bytes")
	_, err := c.admin.AlterTopicConfigs(c.ctx, []kadm.AlterConfig{{Name: "max.message.bytes", Value: kadm.StringPtr("1000000")}}, to)
	c.must(err)
	c.must(c.run(framework.Config{Bounded: true}, copyLines).result())
	copied := map[string]bool{}
	for _, r := range c.reader(to).read() {
		copied[string(r.Value)] = true
	}
	if len(copied) != 2 {
		t.Errorf("%d of 2 lines were copied after the limit was raised", len(copied))
	}
}
