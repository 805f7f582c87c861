package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

type (
	elements  = framework.Stream[framework.None, int]
	sequences = framework.Stream[framework.None, []int]
)

func inc(n int) int { return n + 1 }

func even(n int) bool { return n%2 == 0 }

func incAll(in []int) []int {
	out := make([]int, 0, len(in))
	for _, n := range in {
		out = append(out, inc(n))
	}
	return out
}

func evenOnly(in []int) []int {
	out := make([]int, 0, len(in))
	for _, n := range in {
		if even(n) {
			out = append(out, n)
		}
	}
	return out
}

// list is the sink: like those of the libraries it keeps everything. It has its room beforehand, so that what is timed is
// not how the machine gives memory.
type list struct{ values []int }

func newList(count int) *list {
	room := make([]int, count)
	clear(room) // the memory is there only once it is written to
	return &list{room[:0]}
}

func (l *list) add(_ context.Context, n int) error {
	l.values = append(l.values, n)
	return nil
}

func (l *list) extend(_ context.Context, all []int) error {
	l.values = append(l.values, all...)
	return nil
}

func (l *list) result(took time.Duration) result {
	r := result{took: took, n: len(l.values)}
	for _, n := range l.values {
		r.sum += n
	}
	return r
}

// emitElements emits one number after the other, each when the receipt of the one before is there.
func emitElements(ctx context.Context, count int) (result, error) {
	return emit(ctx, newList(count), numbers(count), dropped, func(s elements, to *list) { s.Map(inc).Filter(even).ForEach(to.add) })
}

// emitBatches emits a thousand numbers at a time, which a flat map takes apart.
func emitBatches(ctx context.Context, count int) (result, error) {
	whole := func(in []int) []int { return in }
	return emit(ctx, newList(count), batches(count), []int{dropped}, func(s sequences, to *list) {
		s.FlatMap(whole).Map(inc).Filter(even).ForEach(to.add)
	})
}

// emitSequences emits a thousand numbers at a time, which the functions take as a whole.
func emitSequences(ctx context.Context, count int) (result, error) {
	return emit(ctx, newList(count), batches(count), []int{dropped}, func(s sequences, to *list) {
		s.Map(incAll).Map(evenOnly).ForEach(to.extend)
	})
}

// loopSequences is emitSequences without the framework: what is left to gain.
func loopSequences(ctx context.Context, count int) (result, error) {
	all, to := batches(count), newList(count)
	start := time.Now()
	for _, b := range all {
		if err := to.extend(ctx, evenOnly(incAll(b))); err != nil {
			return result{}, err
		}
	}
	return to.result(time.Since(start)), nil
}

// readTopic runs an application, from its start to its end, over a topic that holds the numbers' bytes.
func readTopic(ctx context.Context, count int) (result, error) {
	topic, topics, to := memory.Topic("numbers", codec.None, codec.Int), memory.New(), newList(count)
	err := topics.CreateTopic(topic.Name(), 1)
	if err == nil {
		err = memory.WriteValues(topics, topic, numbers(count)...)
	}
	if err != nil {
		return result{}, err
	}
	t := framework.New()
	t.From(topic).Map(inc).Filter(even).ForEach(to.add)
	app, err := t.Build(framework.Config{
		Name: "chain", Connectors: []connector.Connector{topics}, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	if err := app.Run(ctx); err != nil {
		return result{}, err
	}
	return to.result(time.Since(start)), nil
}

// dropped is a number that does not come to the sink.
const dropped = -2

// emit runs a graph in memory and emits the values into it. One that does not come to the sink goes first: its receipt
// says that the graph runs.
func emit[V any](ctx context.Context, to *list, values []V, first V, chain func(framework.Stream[framework.None, V], *list)) (result, error) {
	in := framework.NewInput[V]("numbers")
	t := framework.New()
	chain(t.From(in), to)
	stop, err := t.Start(ctx, framework.Config{})
	if err != nil {
		return result{}, err
	}
	if err := in.Emit(ctx, first); err != nil {
		return result{}, errors.Join(err, stop())
	}
	start := time.Now()
	for _, v := range values {
		if err := in.Emit(ctx, v); err != nil {
			return result{}, errors.Join(err, stop())
		}
	}
	took := time.Since(start)
	return to.result(took), stop()
}

func numbers(count int) []int {
	all := make([]int, count)
	for i := range all {
		all[i] = i
	}
	return all
}

func batches(count int) [][]int { return slices.Collect(slices.Chunk(numbers(count), batch)) }
