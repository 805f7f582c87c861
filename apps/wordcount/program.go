package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// program is one run: feed the input, count, publish; or serve and publish.
type program struct {
	options
	stdin   io.Reader
	stdout  io.Writer
	console *console
	log     *slog.Logger

	reserveBytes int64 // of the embedded broker; tests set it; 0: its default
}

func newProgram(o options, stdin io.Reader, stdout, stderr io.Writer) *program {
	c := newConsole(stderr)
	log := slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: o.level}))
	return &program{options: o, stdin: stdin, stdout: stdout, console: c, log: log}
}

var errStopped = errors.New("stopped before the end of the input")

// run checks what it can before it begins, then counts on the brokers.
func (p *program) run(ctx context.Context) error {
	if err := writable(p.output); err != nil {
		return err
	}
	if p.serve {
		return p.count(ctx, p.brokers)
	}
	input, err := p.open()
	if err != nil {
		return err
	}
	defer input.Close() // it was only read
	fed := false
	err = p.withBrokers(ctx, func(ctx context.Context, brokers []string) error {
		if err := p.feed(ctx, brokers, input); err != nil {
			return err
		}
		fed = true
		return p.count(ctx, brokers)
	})
	if err != nil && fed && (p.data != "" || len(p.brokers) > 0) {
		err = fmt.Errorf("%w; the input is in topic %s: to go on, run again with -input %s, which adds nothing to it", err, p.from, os.DevNull)
	}
	return err
}

// open returns the input.
func (p *program) open() (io.ReadCloser, error) {
	switch p.input {
	case "":
		return io.NopCloser(strings.NewReader(sample)), nil
	case "-":
		return io.NopCloser(p.stdin), nil
	}
	file, err := os.Open(p.input)
	if err != nil {
		return nil, fmt.Errorf("-input: %w", err)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		file.Close()
		return nil, fmt.Errorf("-input: %s is a folder: name a file", p.input)
	}
	return file, nil
}

// withBrokers calls f with the brokers' addresses. An embedded broker lives as long as f; when it can store no more,
// f's context ends, and that is the fault, whatever f says.
func (p *program) withBrokers(ctx context.Context, f func(ctx context.Context, brokers []string) error) error {
	if len(p.brokers) > 0 {
		return f(ctx, p.brokers)
	}
	log := p.log
	if p.level > slog.LevelInfo {
		log = slog.New(slog.DiscardHandler) // what matters of its warnings comes from Err, too
	}
	broker, err := embedded.Start(embedded.Config{Dir: p.data, Logger: log, ReserveBytes: p.reserveBytes})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var fault error
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case fault = <-broker.Err():
			cancel()
		case <-ctx.Done():
		}
	})
	err = f(ctx, broker.Addrs())
	cancel()
	watch.Wait()
	closeErr := broker.Close()
	if fault == nil {
		select {
		case fault = <-broker.Err():
		default:
			return errors.Join(err, closeErr)
		}
	}
	return fault
}

// count runs the topology, to the end of its input or until ctx ends, and publishes the counts.
func (p *program) count(ctx context.Context, brokers []string) error {
	lines := kafka.Topic(p.from, codec.None, codec.String, p.linesOptions()...)
	words := kafka.Topic(p.to, codec.String, codec.Int64, kafka.Partitions(p.partitions), kafka.Setting("cleanup.policy", "compact"))
	telemetry, err := startTelemetry(ctx, p.name, p.log)
	if err != nil {
		return err
	}
	defer telemetry.close()
	t := framework.New()
	topology(lines, words)(t)
	app, err := t.Build(framework.Config{
		Name: p.name, Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: brokers})},
		Bounded: !p.serve, Logger: p.log, OnState: telemetry.onState, MeterProvider: telemetry.provider,
	})
	if err != nil {
		return err
	}
	hide := p.console.progress(counting(app.Stats))
	err = app.Run(ctx)
	hide()
	if err != nil {
		return err
	}
	if !p.serve && ctx.Err() != nil {
		return errStopped
	}
	c := counts{}
	if owned := p.owned(app); owned != nil {
		if c, err = readCounts(context.WithoutCancel(ctx), brokers, p.to, owned); err != nil {
			return err
		}
	}
	return p.publish(c)
}

func (p *program) linesOptions() []kafka.Option {
	if p.create {
		return []kafka.Option{kafka.Partitions(p.partitions)}
	}
	return nil
}

// publish prints the table and writes the file.
func (p *program) publish(c counts) error {
	if p.output != "" {
		if err := writeFile(p.output, c.writeJSON); err != nil {
			return err
		}
	}
	if p.top > 0 {
		return c.writeTable(p.stdout, p.top)
	}
	return nil
}
