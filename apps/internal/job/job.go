// Package job runs a program of apps that feeds an input to a topic and computes to the topic's end, or serves: on the
// brokers that its user names, or on one embedded in the program.
package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/millrace/millrace/apps/internal/console"
	"github.com/millrace/millrace/apps/internal/files"
	"github.com/millrace/millrace/connectors/kafka/embedded"
)

// Job is one run of a program.
type Job struct {
	Flags
	Stdin   io.Reader
	Console *console.Console
	Log     *slog.Logger // writes to Console

	Topic      string // that the input is fed to
	Unit       string // of the input: "line"
	Sample     string // the input without -input
	SampleName string

	ReserveBytes int64 // of the embedded broker; 0: its default
}

// New returns a job with a console and a log; the caller says what is fed.
func New(f Flags, stdin io.Reader, stderr io.Writer) *Job {
	c := console.New(stderr)
	return &Job{Flags: f, Stdin: stdin, Console: c, Log: slog.New(slog.NewTextHandler(c, &slog.HandlerOptions{Level: f.Level}))}
}

// ErrStopped says that a run which has an input ended before its end.
var ErrStopped = errors.New("stopped before the end of the input")

// Run opens the input, feeds it and computes; a job that serves computes only. compute is called with the addresses of the
// brokers, and is done before Run returns.
func (j *Job) Run(ctx context.Context, feed func(ctx context.Context, addresses []string, input io.Reader) error, compute func(ctx context.Context, addresses []string) error) error {
	if j.Serve {
		return compute(ctx, j.Brokers)
	}
	input, err := j.open()
	if err != nil {
		return err
	}
	defer input.Close() // it was only read
	fed := false
	own := embedded.Config{Dir: j.Data, Logger: j.Log, ReserveBytes: j.ReserveBytes}
	err = brokers.With(ctx, j.Brokers, own, func(ctx context.Context, addresses []string) error {
		if err := feed(ctx, addresses, input); err != nil {
			return err
		}
		fed = true
		return compute(ctx, addresses)
	})
	if err != nil && fed && (j.Data != "" || len(j.Brokers) > 0) {
		err = fmt.Errorf("%w; the input is in topic %s: to go on, run again with -input %s, which adds nothing to it", err, j.Topic, os.DevNull)
	}
	return err
}

func (j *Job) open() (io.ReadCloser, error) {
	if j.Input == "" {
		return io.NopCloser(strings.NewReader(j.Sample)), nil
	}
	return files.Open(j.Input, j.Stdin)
}

// InputName is what errors call the input.
func (j *Job) InputName() string {
	switch j.Input {
	case "":
		return j.SampleName
	case "-":
		return "standard input"
	}
	return j.Input
}
