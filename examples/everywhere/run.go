package everywhere

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/millrace/millrace/connectors/file"
	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// place is where topics are. Each run of a graph takes one.
type place interface {
	connector() connector.Connector
	application() string // the name of the run
	// write makes a topic of so many partitions, and writes values with one event time into each.
	write(ctx context.Context, topic string, at time.Time, partitions [][]string) error
	// read returns what was written to a topic that has one partition, in order.
	read(ctx context.Context, topic string) ([]string, error)
}

// run writes the input, runs the graph until its input is used up, by two workers, and returns what is in each topic that is wanted.
func run(ctx context.Context, e example, at place, log *slog.Logger) (map[string]string, error) {
	for i, in := range e.in {
		partitions := make([][]string, len(in.partitions))
		for p, values := range in.partitions {
			partitions[p] = strings.Fields(values)
		}
		if err := at.write(ctx, in.topic, epoch.Add(time.Duration(i)*time.Minute), partitions); err != nil {
			return nil, fmt.Errorf("write to %s: %w", in.topic, err)
		}
	}
	db := &database{}
	if err := framework.Run(ctx, framework.Config{
		Name: at.application(), Connectors: []connector.Connector{at.connector()}, Workers: 2, Bounded: true, Logger: log,
	}, e.build(at, db)); err != nil {
		return nil, err
	}
	return results(ctx, e, at, db)
}

// epoch is when the first input's records happened.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func results(ctx context.Context, e example, at place, db *database) (map[string]string, error) {
	got := map[string]string{}
	for topic := range e.want {
		values := db.rows
		if topic != "database" {
			var err error
			if values, err = at.read(ctx, topic); err != nil {
				return nil, fmt.Errorf("read %s: %w", topic, err)
			}
		}
		if e.settle != nil {
			values = e.settle(values)
		}
		got[topic] = strings.Join(values, " ")
	}
	return got, nil
}

// from returns a topic to be read.
func from[V any](at place, name string) topic[V] {
	if f, ok := at.(*folder); ok {
		return file.JSONLines[V](f.source(name))
	}
	return to[V](at, name)
}

// to returns a topic to be written: a folder where topics are files, else one that the application creates.
func to[V any](at place, name string) topic[V] {
	switch at := at.(type) {
	case *folder:
		return file.JSONLines[V](at.sink(name))
	case *brokers:
		return kafka.Topic(at.prefix+name, codec.None, codec.JSON[V](), kafka.Partitions(1))
	}
	return memory.Topic(name, codec.None, codec.JSON[V]())
}
