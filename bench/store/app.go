package main

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// counting counts the records of each key, and says each count.
func counting(c config, t *framework.Topology) {
	t.From(kafka.Topic(c.input(), codec.String, codec.Bytes)).Grouped().Count(storeName).Stream().
		ForEach(func(_ context.Context, n int64) error {
			say(processed, n)
			return nil
		})
}

// keeping keeps the last value of each key.
func keeping(c config, t *framework.Topology) {
	t.From(kafka.Topic(c.input(), codec.String, codec.Bytes)).Table(storeName)
}

// serve runs a graph until ctx ends, with its stores in a folder or in memory, and says when all tasks are restored.
func serve(ctx context.Context, c config, graph func(config, *framework.Topology), stateDir string, guarantee framework.Guarantee) error {
	t := framework.New()
	graph(c, t)
	var restoring, whole atomic.Int64
	app, err := t.Build(framework.Config{
		Name:        c.app,
		Guarantee:   guarantee,
		Connectors:  []connector.Connector{kafka.New(kafka.Config{Brokers: c.brokers})},
		Workers:     workers,
		StateDir:    stateDir,
		BudgetBytes: 2 * c.memory,
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		OnRestore: func(e framework.RestoreEvent) {
			if !e.Done && restoring.Add(1) == 1 {
				say(begun, 0)
			}
			if e.Done && whole.Add(1) == partitions {
				say(restored, e.Total)
			}
		},
	})
	if err != nil {
		return err
	}
	return app.Run(ctx)
}
