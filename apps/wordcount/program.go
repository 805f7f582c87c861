package main

import (
	"context"
	"io"

	"github.com/millrace/millrace/apps/internal/files"
	"github.com/millrace/millrace/apps/internal/job"
	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework/codec"
)

// program is one run: feed the input, count, publish; or serve and publish.
type program struct {
	options
	job    *job.Job
	stdout io.Writer
}

func newProgram(o options, stdin io.Reader, stdout, stderr io.Writer) *program {
	j := job.New(o.Flags, stdin, stderr)
	j.Topic, j.Unit = o.from, "line"
	j.Sample, j.SampleName = sample, sampleSource
	return &program{options: o, job: j, stdout: stdout}
}

// run checks what it can before it begins, then counts on the brokers.
func (p *program) run(ctx context.Context) error {
	if err := files.Writable("-output", p.Output); err != nil {
		return err
	}
	return p.job.Run(ctx, p.feed, p.count)
}

// count runs the topology, to the end of its input or until ctx ends, and publishes the counts.
func (p *program) count(ctx context.Context, addresses []string) error {
	lines := kafka.Topic(p.from, codec.None, codec.String, p.job.SourceOptions()...)
	words := kafka.Topic(p.to, codec.String, codec.Int64, kafka.Partitions(p.Partitions), kafka.Setting("cleanup.policy", "compact"))
	app, err := p.job.Compute(ctx, addresses, topology(lines, words))
	if err != nil {
		return err
	}
	c := counts{}
	if owned := p.owned(app); owned != nil {
		if c, err = readCounts(context.WithoutCancel(ctx), addresses, p.to, owned); err != nil {
			return err
		}
	}
	return p.publish(c)
}

// publish prints the table and writes the file.
func (p *program) publish(c counts) error {
	if p.Output != "" {
		if err := files.Write("-output", p.Output, c.writeJSON); err != nil {
			return err
		}
	}
	if p.top > 0 {
		return c.writeTable(p.stdout, p.top)
	}
	return nil
}
