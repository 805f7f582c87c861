package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// millraceSides are the graphs of the workloads, written as a user writes them.
var millraceSides = map[string]func(context.Context, *job) error{
	"passthrough": millracePassthrough,
	"uppercase":   millraceUppercase,
	"wordcount":   millraceWordCount,
	"unique":      millraceUnique,
	"lag":         millraceLag,
}

func millracePassthrough(ctx context.Context, j *job) error {
	return j.serve(ctx, 0, func(t *framework.Topology) {
		t.From(kafka.Topic(j.in, codec.None, codec.Bytes)).To(kafka.Topic(j.out, codec.None, codec.Bytes))
	})
}

func millraceUppercase(ctx context.Context, j *job) error {
	return j.serve(ctx, 0, func(t *framework.Topology) {
		t.From(kafka.Topic(j.in, codec.None, codec.String)).Map(strings.ToUpper).To(kafka.Topic(j.out, codec.None, codec.String))
	})
}

func millraceUnique(ctx context.Context, j *job) error {
	return j.serve(ctx, 0, func(t *framework.Topology) {
		t.From(kafka.Topic(j.in, codec.None, codec.String)).
			GroupBy(func(word string) string { return word }).
			Emit(framework.EveryUpdate).
			Count("counts").
			Stream().
			To(kafka.Topic(j.out, codec.String, codec.Int64))
	})
}

func millraceWordCount(ctx context.Context, j *job) error {
	return j.serve(ctx, 0, func(t *framework.Topology) {
		t.From(kafka.Topic(j.in, codec.None, codec.String)).
			FlatMap(strings.Fields).
			GroupBy(strings.ToLower).
			Count("counts").
			Stream().
			To(kafka.Topic(j.out, codec.String, codec.Int64))
	})
}

func millraceLag(ctx context.Context, j *job) error {
	return j.serve(ctx, lagBudget, func(t *framework.Topology) {
		t.From(kafka.Topic(j.in, codec.None, codec.Bytes)).ForEach(func(context.Context, []byte) error {
			time.Sleep(sinkDelay)
			j.done.Add(1)
			return nil
		})
	})
}

// serve runs the graph until ctx ends.
func (j *job) serve(ctx context.Context, budgetBytes int64, graph func(*framework.Topology)) error {
	t := framework.New()
	graph(t)
	guarantee := framework.AtLeastOnce
	if j.guarantee == exactlyOnce {
		guarantee = framework.ExactlyOnce
	}
	app, err := t.Build(framework.Config{
		Guarantee:      guarantee,
		Name:           j.group,
		Connectors:     []connector.Connector{kafka.New(kafka.Config{Brokers: j.brokers, Options: j.options})},
		Workers:        j.clients,
		BudgetBytes:    budgetBytes,
		CommitInterval: j.commit,
		StateDir:       j.state,
		Logger:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	return app.Run(ctx)
}
