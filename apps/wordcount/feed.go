package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxLineBytes is the longest line taken. Brokers and producers take records of up to about 1,000,000 bytes by default, a
// line may be one word, and a word may grow by half when it is lower-cased (Ⱥ has two bytes, ⱥ three): so every line that
// is taken can be counted, too.
const maxLineBytes = 640 << 10

const (
	feedTimeout = 15 * time.Minute // for the whole input: the longest transaction that brokers allow by default
	endTimeout  = 10 * time.Second // for the end of the transaction
)

const (
	feedBufferedBytes   = 32 << 20
	feedBufferedRecords = 200_000
	feedBatch           = 512       // lines whose records are allocated together
	feedBlock           = 256 << 10 // bytes of lines that are allocated together
)

// feed writes the lines of the input to the topic of lines, in one transaction: all of them are there when it returns
// without an error, else none is, so that a run that failed can be repeated and counts nothing twice.
func (p *program) feed(ctx context.Context, addresses []string, input io.Reader) error {
	client, err := brokers.Dial(ctx, addresses, kgo.DefaultProduceTopic(p.from),
		kgo.TransactionalID(p.name+"-input"), kgo.TransactionTimeout(feedTimeout),
		kgo.MaxBufferedRecords(feedBufferedRecords), kgo.MaxBufferedBytes(feedBufferedBytes))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := createTopic(ctx, client, p.from, p.partitions); err != nil {
		return err
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	err = p.produce(ctx, client, input)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err != nil {
		// What is left undone here the brokers do when the transaction times out, or the next run when it begins.
		abortErr := errors.Join(client.AbortBufferedRecords(ending), client.EndTransaction(ending, kgo.TryAbort))
		p.log.Info("the input was taken back", "error", abortErr)
		return fmt.Errorf("%w; no line of the input is counted", err)
	}
	if err := client.EndTransaction(ending, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit the input to topic %s: %w", p.from, err)
	}
	return nil
}

// produce hands all lines to the client and waits until they are acknowledged.
func (p *program) produce(ctx context.Context, client *kgo.Client, input io.Reader) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	f := &feeder{client: client, topic: p.from, fail: fail}
	hide := p.console.progress(feeding(&f.lines))
	defer hide()
	err := f.lineByLine(ctx, interruptible(ctx, input))
	if err == nil {
		err = client.Flush(ctx)
	}
	var refused *refusedError
	switch {
	case errors.As(context.Cause(ctx), &refused):
		return refused
	case ctx.Err() != nil:
		return errStopped
	case err != nil:
		return fmt.Errorf("%s: %w", p.inputName(), err)
	}
	return nil
}

func (p *program) inputName() string {
	switch p.input {
	case "":
		return sampleSource
	case "-":
		return "standard input"
	}
	return p.input
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

func createTopic(ctx context.Context, client *kgo.Client, name string, partitions int) error {
	_, err := kadm.NewClient(client).CreateTopic(ctx, int32(partitions), -1, nil, name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s with %d partitions: %w", name, partitions, err)
	}
	return nil
}

// feeder makes records of lines, in blocks: one allocation for many lines.
type feeder struct {
	client *kgo.Client
	topic  string
	fail   context.CancelCauseFunc // of the feed's context, with a *refusedError

	lines atomic.Int64 // handed to the client
	batch *batch
	block []byte
}

// batch is the records of consecutive lines.
type batch struct {
	feeder  *feeder
	first   int64 // number of the first line, from 1
	records [feedBatch]kgo.Record
}

// lineByLine hands all lines to the client. The error names the line that stops it.
func (f *feeder) lineByLine(ctx context.Context, input io.Reader) error {
	r := bufio.NewReaderSize(input, maxLineBytes+1) // a line that fills it has no end in reach
	for ctx.Err() == nil {
		line, err := r.ReadSlice('\n')
		number := f.lines.Load() + 1
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d has more than %d bytes, the most that a record may have: break it up", number, maxLineBytes)
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: %w", number, err)
		case err != nil && len(line) == 0:
			return nil
		}
		if line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		if at := invalid(line); at >= 0 {
			return fmt.Errorf("line %d, byte %d: not UTF-8: convert the text to UTF-8", number, at+1)
		}
		f.produce(ctx, line)
	}
	return nil
}

// invalid returns the index of the first byte that is not UTF-8, -1 if there is none.
func invalid(line []byte) int {
	if utf8.Valid(line) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}

func (f *feeder) produce(ctx context.Context, line []byte) {
	before := f.lines.Load()
	at := before % feedBatch
	if at == 0 {
		f.batch = &batch{feeder: f, first: before + 1}
	}
	if len(f.block)+len(line) > cap(f.block) {
		f.block = make([]byte, 0, max(feedBlock, len(line)))
	}
	begin := len(f.block)
	f.block = append(f.block, line...)
	record := &f.batch.records[at]
	record.Value = f.block[begin:len(f.block):len(f.block)] // never nil, which would be a null
	f.client.Produce(ctx, record, f.batch.acknowledged)
	f.lines.Add(1)
}

func (b *batch) acknowledged(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	for i := range b.records {
		if &b.records[i] == r {
			b.feeder.fail(&refusedError{line: b.first + int64(i), topic: b.feeder.topic, err: err})
		}
	}
}

// refusedError: the brokers did not take a line.
type refusedError struct {
	line  int64
	topic string
	err   error
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("write line %d of the input to topic %s: %v", e.line, e.topic, e.err)
}

func (e *refusedError) Unwrap() error { return e.err }
