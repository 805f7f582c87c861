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
	app, err := p.job.Compute(ctx, addresses, topology(departures, final, tooLate))
	if err != nil {
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
	p.tell(len(l), tooLate.Name(), app.Stats().Dropped["replayed"])
	return p.publish(h, l)
}

// tell says which flights are in no hour.
func (p *program) tell(late int, topic string, replayed int64) {
	if late > 0 {
		fmt.Fprintf(p.job.Console, "flights: flights that came after their hours were final, and are in none: %s; %s; a longer -disorder waits for them\n",
			console.Grouped(int64(late)), p.whereLate(topic))
	}
	if replayed > 0 {
		fmt.Fprintf(p.job.Console, "flights: flights whose hours the end of a former run had made final, or that were read again after a crash, and are in none: %s\n",
			console.Grouped(replayed))
	}
}

// publish writes the hours and the late flights.
func (p *program) publish(h hours, l lates) error {
	if p.late != "" {
		if err := files.Write("-late", p.late, l.writeLines); err != nil {
			return err
		}
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
