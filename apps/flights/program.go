package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/millrace/millrace/apps/internal/console"
	"github.com/millrace/millrace/apps/internal/files"
	"github.com/millrace/millrace/apps/internal/job"
	"github.com/millrace/millrace/apps/internal/topics"
	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework/codec"
)

// program is one run: feed the input, compute, publish; or serve and publish.
type program struct {
	options
	job    *job.Job
	stdout io.Writer
}

func newProgram(o options, stdin io.Reader, stdout, stderr io.Writer) *program {
	j := job.New(o.Flags, stdin, stderr)
	j.Topic, j.Unit = o.Name+"-departures", "row"
	j.Sample, j.SampleName = sample, sampleSource
	return &program{options: o, job: j, stdout: stdout}
}

// run checks what it can before it begins, then computes on the brokers.
func (p *program) run(ctx context.Context) error {
	if err := errors.Join(files.Writable("-output", p.Output), files.Writable("-late", p.late)); err != nil {
		return err
	}
	return p.job.Run(ctx, p.feed, p.compute)
}

// compute runs the topology, to the end of its input or until ctx ends, and publishes what its topics hold then.
func (p *program) compute(ctx context.Context, addresses []string) error {
	// Records of results have the times of the flights: brokers that delete old ones would delete these at once.
	kept := []kafka.Option{kafka.Partitions(p.Partitions), kafka.Setting("retention.ms", "-1")}
	departures := kafka.Topic(p.job.Topic, codec.String, flightCodec, p.job.SourceOptions()...).Disorder(p.disorder)
	final := kafka.Topic(p.Name+"-hours", codec.String, hourCodec, kept...)
	tooLate := kafka.Topic(p.Name+"-late", codec.String, flightCodec, kept...)
	if _, err := p.job.Compute(ctx, addresses, topology(departures, final, tooLate)); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	h, l := hours{}, lates{}
	if err := topics.Read(ctx, addresses, final.Name(), h.take); err != nil {
		return err
	}
	if err := topics.Read(ctx, addresses, tooLate.Name(), l.take); err != nil {
		return err
	}
	return p.publish(h, l, tooLate.Name())
}

// publish writes the hours and the late flights.
func (p *program) publish(h hours, l lates, topic string) error {
	if p.late != "" {
		if err := files.Write("-late", p.late, l.writeLines); err != nil {
			return err
		}
	}
	if len(l) > 0 {
		fmt.Fprintf(p.job.Console, "flights: %s flights came after their hours were final, and are in none: %s; a longer -disorder waits for them\n",
			console.Grouped(int64(len(l))), p.whereLate(topic))
	}
	if p.Output != "" {
		return files.Write("-output", p.Output, h.writeJSON)
	}
	return h.writeJSON(p.stdout)
}

// whereLate says where the late flights can be read.
func (p *program) whereLate(topic string) string {
	switch {
	case p.late != "":
		return "they are in " + p.late
	case p.Data != "" || len(p.Brokers) > 0:
		return "they are in topic " + topic
	}
	return "-late FILE lists them"
}
