package examples_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

func digit(n int) int { return n % 10 }

// The twin of Distributed computing: the chain of map and accumulate over four partitions, by two workers, and what comes of
// it gathered in one topic. With topics of Kafka the workers are in as many processes as one likes.
func Example_cluster() {
	numbers := memory.Topic("numbers", codec.None, codec.Int, memory.Partitions(4))
	totals := memory.Topic("totals", codec.Int, codec.Int)
	t := framework.New()
	t.From(numbers).
		Map(inc).
		KeyBy(digit).
		Scan("total", 0, add).
		To(totals)

	c := memory.New()
	must(c.CreateTopic(numbers.Name(), 4))
	must(memory.WriteValues(c, numbers, 0, 1, 2, 10, 11, 12, 20, 21, 22))
	app, err := t.Build(framework.Config{Name: "cluster", Connectors: []connector.Connector{c}, Workers: 2, Bounded: true, Logger: quiet})
	must(err)
	must(app.Run(context.Background()))

	last, err := memory.Latest(c, totals)
	must(err)
	for _, key := range slices.Sorted(maps.Keys(last)) {
		fmt.Println(key, last[key])
	}
	// Output:
	// 1 33
	// 2 36
	// 3 39
}
