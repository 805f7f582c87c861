package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/millrace/millrace/apps/internal/brokers"
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
	own := embedded.Config{Dir: p.data, Logger: p.log, ReserveBytes: p.reserveBytes}
	err = brokers.With(ctx, p.brokers, own, func(ctx context.Context, addresses []string) error {
		if err := p.feed(ctx, addresses, input); err != nil {
			return err
		}
		fed = true
		return p.count(ctx, addresses)
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

// count runs the topology, to the end of its input or until ctx ends, and publishes the counts.
func (p *program) count(ctx context.Context, addresses []string) error {
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
		Name: p.name, Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: addresses})},
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
		if c, err = readCounts(context.WithoutCancel(ctx), addresses, p.to, owned); err != nil {
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
