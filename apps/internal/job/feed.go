package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/millrace/millrace/apps/internal/console"
	"github.com/millrace/millrace/apps/internal/topics"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	feedTimeout = 15 * time.Minute // for the whole input: the longest transaction that brokers allow by default
	endTimeout  = 10 * time.Second // for the end of the transaction
)

const (
	feedBufferedBytes   = 32 << 20
	feedBufferedRecords = 200_000
)

// Feed lets write send what it reads of the input to the job's topic, in one transaction: all of it is there when Feed
// returns without an error, else none is, so that a run that failed can be repeated and feeds nothing twice.
func (j *Job) Feed(ctx context.Context, addresses []string, input io.Reader, write func(context.Context, *Feeder, io.Reader) error) error {
	client, err := brokers.Dial(ctx, addresses, kgo.DefaultProduceTopic(j.Topic),
		kgo.TransactionalID(j.Name+"-input"), kgo.TransactionTimeout(feedTimeout),
		kgo.MaxBufferedRecords(feedBufferedRecords), kgo.MaxBufferedBytes(feedBufferedBytes))
	if err != nil {
		return j.unlessStopped(ctx, err)
	}
	defer client.Close()
	if err := topics.Create(ctx, client, j.Topic, j.Partitions); err != nil {
		return j.unlessStopped(ctx, err)
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	err = j.produce(ctx, client, input, write)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err != nil {
		// What is left undone here the brokers do when the transaction times out, or the next run when it begins.
		abortErr := errors.Join(client.AbortBufferedRecords(ending), client.EndTransaction(ending, kgo.TryAbort))
		j.Log.Info("the input was taken back", "error", abortErr)
		return j.uncounted(err)
	}
	if err := client.EndTransaction(ending, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit the input to topic %s: %w", j.Topic, err)
	}
	return nil
}

// unlessStopped returns an error of the time before anything was fed, another one where the stop is what it failed by.
func (j *Job) unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return j.uncounted(ErrStopped)
	}
	return err
}

func (j *Job) uncounted(err error) error {
	return fmt.Errorf("%w; no %s of the input is counted", err, j.Unit)
}

// produce hands all records to the client and waits until they are acknowledged.
func (j *Job) produce(ctx context.Context, client *kgo.Client, input io.Reader, write func(context.Context, *Feeder, io.Reader) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	f := &Feeder{client: client, topic: j.Topic, unit: j.Unit, fail: fail}
	hide := j.Console.Progress(console.Feeding(&f.sent, j.Unit))
	defer hide()
	err := write(ctx, f, interruptible(ctx, input))
	if err == nil {
		err = client.Flush(ctx)
	}
	var refused *refusedError
	switch {
	case errors.As(context.Cause(ctx), &refused):
		return refused
	case ctx.Err() != nil:
		return ErrStopped
	case err != nil:
		return fmt.Errorf("%s: %w", j.InputName(), err)
	}
	return nil
}

// interruptible returns a reader whose Read fails once ctx has ended. A read of standard input cannot be interrupted: its
// goroutine ends when the input does, or with the process.
func interruptible(ctx context.Context, input io.Reader) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { r.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{input}, make([]byte, feedBlock))
		w.CloseWithError(err) // nil: io.EOF
	}()
	return r
}
