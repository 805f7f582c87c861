package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	patience      = time.Minute      // for a number, from when it is due
	removeTimeout = 10 * time.Second // to remove what a run made
)

// program is one run.
type program struct {
	options
	stdout   io.Writer
	log      *slog.Logger
	patience time.Duration // tests set it
}

func newProgram(o options, stdout, stderr io.Writer) *program {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: o.level}))
	return &program{options: o, stdout: stdout, log: log, patience: patience + o.interval()}
}

// run prints the numbers. The error says how many there are, where something kept it from printing all.
func (p *program) run(ctx context.Context) error {
	computing, end := context.WithCancelCause(ctx)
	defer end(nil)
	late := time.AfterFunc(p.patience, func() {
		end(fmt.Errorf("no number came for %s: check that the brokers run (-v logs what happens)", p.patience))
	})
	defer late.Stop()
	out := &printer{to: p.stdout, n: p.n, onEach: func() { late.Reset(p.patience) }, onLast: func() { end(nil) }}
	err := p.compute(computing, out.print)
	if out.printed == p.n {
		if err != nil {
			p.log.Warn("all numbers are printed, but the end failed", "error", err)
		}
		return nil
	}
	switch cause := context.Cause(computing); {
	case ctx.Err() != nil: // what fails by the stop is no fault
		p.log.Info("stopped", "error", err)
		return fmt.Errorf("stopped after %d numbers", out.printed)
	case cause != nil && !errors.Is(cause, context.Canceled):
		err = cause
	}
	return fmt.Errorf("stopped after %d numbers: %w", out.printed, err)
}

func (p *program) compute(ctx context.Context, out output) error {
	if p.memory {
		return p.computeInMemory(ctx, out)
	}
	return brokers.With(ctx, p.brokers, embedded.Config{Logger: p.log}, func(ctx context.Context, addresses []string) error {
		return p.computeOn(ctx, addresses, out)
	})
}

func (p *program) computeInMemory(ctx context.Context, out output) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	source := framework.NewInput[*big.Int]("seeds")
	var fault error
	var seeding sync.WaitGroup
	seeding.Go(func() {
		for _, seed := range seeds {
			if err := source.Emit(ctx, seed); err != nil && ctx.Err() == nil {
				fault = err
				stop()
				return
			}
		}
	})
	err := framework.Run(ctx, framework.Config{Name: p.name, Logger: p.log}, inMemory(source, p.interval(), out))
	stop()
	seeding.Wait()
	if err == nil { // else it is the same fault, or what followed
		err = fault
	}
	return err
}

// computeOn runs through a topic that it creates and removes.
func (p *program) computeOn(ctx context.Context, addresses []string, out output) error {
	id := p.name + "-" + strings.ToLower(rand.Text()[:8])
	numbers := kafka.Topic(id+"-numbers", codec.None, decimal)
	t := framework.New()
	throughTopic(numbers, p.interval(), out)(t)
	app, err := t.Build(framework.Config{
		Name: id, Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: addresses})}, Logger: p.log,
	})
	if err != nil {
		return err
	}
	client, err := brokers.Dial(ctx, addresses, kgo.DefaultProduceTopic(numbers.Name()))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(ctx, 1, -1, nil, numbers.Name()); err != nil {
		return fmt.Errorf("create topic %s: %w", numbers.Name(), err)
	}
	defer p.remove(context.WithoutCancel(ctx), admin, id, numbers.Name(), id+"-"+lastTwoStore+"-changelog")
	if err := seed(ctx, client); err != nil {
		return fmt.Errorf("write the first numbers to topic %s: %w", numbers.Name(), err)
	}
	return app.Run(ctx)
}

// seed writes the seeds to the client's topic.
func seed(ctx context.Context, client *kgo.Client) error {
	var records []*kgo.Record
	for _, n := range seeds {
		b, err := decimal.Append(nil, n)
		if err != nil {
			return err
		}
		records = append(records, &kgo.Record{Value: b})
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

// remove deletes what a run made. The numbers are printed or not: what is left behind is only worth a warning.
func (p *program) remove(ctx context.Context, admin *kadm.Client, group string, topics ...string) {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	_, groupErr := admin.DeleteGroup(ctx, group)
	deleted, err := admin.DeleteTopics(ctx, topics...)
	if err == nil {
		err = deleted.Error()
	}
	if err := errors.Join(groupErr, err); err != nil {
		p.log.Warn("a group and topics of the run may be left behind: delete them", "group", group, "topics", topics, "error", err)
	}
}
