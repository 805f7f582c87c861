package framework_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func ExampleSumOf() {
	type order struct {
		Customer string
		Cents    int64
	}
	orders := kafka.Topic("orders", codec.None, codec.JSON[order]())
	totals := kafka.Topic("totals", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).
			GroupBy(func(o order) string { return o.Customer }).
			Aggregate("totals", framework.SumOf(func(o order) int64 { return o.Cents })).
			To(totals)
	})
	for _, o := range []order{{"ann", 250}, {"bob", 100}, {"ann", 50}} {
		d.Pipe(orders, framework.None{}, o, time.UnixMilli(0))
	}
	for _, r := range d.Read(totals) {
		fmt.Println(r.Key, r.Value)
	}
	// Output:
	// ann 250
	// bob 100
	// ann 300
}

func TestBuildRefusesTopicsThatCannotBe(t *testing.T) {
	var empty framework.Topic[string, string]
	for want, topic := range map[string]framework.Topic[string, string]{
		"its topic is empty":       empty,
		`topic name "a b"`:         kafka.Topic("a b", codec.String, codec.String),
		`topic name ""`:            kafka.Topic("", codec.String, codec.String),
		"topic t has no codec":     kafka.Topic[string, string]("t", codec.String, nil),
		"is to have -3 partitions": kafka.Topic("t", codec.String, codec.String, kafka.Partitions(-3)),
	} {
		top := framework.New()
		top.From(topic).To(topic)
		if _, err := top.Build(framework.Config{Name: "app"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestBuildRefusesAnEmptyAggregator(t *testing.T) {
	top := framework.New()
	top.From(numbers).Grouped().Aggregate("none", framework.Aggregator[int, int]{})
	if _, err := top.Plan("app"); err == nil || !strings.Contains(err.Error(), "its aggregator is empty") {
		t.Errorf("got %v", err)
	}
}
