package memory_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// Words are counted in memory, over four partitions, by two workers, without anything else running.
func Example() {
	lines := memory.Topic("lines", codec.None, codec.String)
	counts := memory.Topic("counts", codec.String, codec.Int64, memory.Partitions(4))

	top := framework.New()
	top.From(lines).
		FlatMap(strings.Fields).
		GroupBy(strings.ToLower).
		Count("words").
		Stream().
		To(counts)

	c := memory.New()
	err := c.CreateTopic(lines.Name(), 4)
	if err == nil {
		err = memory.WriteValues(c, lines, "The mill", "the race", "a mill by the water", "the water in the race")
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	app, err := top.Build(framework.Config{
		Name: "wordcount", Connectors: []connector.Connector{c}, Workers: 2, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = app.Run(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := memory.Latest(c, counts)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, word := range slices.Sorted(maps.Keys(found)) {
		fmt.Println(word, found[word])
	}

	// Output:
	// a 1
	// by 1
	// in 1
	// mill 2
	// race 2
	// the 5
	// water 2
}
