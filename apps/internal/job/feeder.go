package job

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	feedBatch = 512       // records that are allocated together
	feedBlock = 256 << 10 // bytes of keys and values that are allocated together
)

// Feeder sends records to the job's topic, in blocks: one allocation for many. It is used by one goroutine.
type Feeder struct {
	client *kgo.Client
	topic  string
	unit   string
	fail   context.CancelCauseFunc // of the feed's context, with a *refusedError

	sent  atomic.Int64 // records handed to the client
	batch *batch
	block []byte
}

// batch is consecutive records.
type batch struct {
	feeder  *Feeder
	first   int64 // number of the first one, from 1
	records [feedBatch]kgo.Record
}

// Sent is how many records were sent.
func (f *Feeder) Sent() int64 { return f.sent.Load() }

// Send hands a record to the client; a nil key is none, and the partition is the one of Kafka's default partitioner. Key
// and value are copied. It waits while too much is on its way; a record that is refused ends the context of the feed.
func (f *Feeder) Send(ctx context.Context, key, value []byte) {
	before := f.sent.Load()
	at := before % feedBatch
	if at == 0 {
		f.batch = &batch{feeder: f, first: before + 1}
	}
	record := &f.batch.records[at]
	if key != nil {
		record.Key = f.copy(key)
	}
	record.Value = f.copy(value)
	f.client.Produce(ctx, record, f.batch.acknowledged)
	f.sent.Add(1)
}

// copy returns b in a block. It is never nil, which would be a null.
func (f *Feeder) copy(b []byte) []byte {
	if len(f.block)+len(b) > cap(f.block) {
		f.block = make([]byte, 0, max(feedBlock, len(b)))
	}
	begin := len(f.block)
	f.block = append(f.block, b...)
	return f.block[begin:len(f.block):len(f.block)]
}

func (b *batch) acknowledged(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	for i := range b.records {
		if &b.records[i] == r {
			b.feeder.fail(&refusedError{number: b.first + int64(i), feeder: b.feeder, err: err})
		}
	}
}

// refusedError: the brokers did not take a record.
type refusedError struct {
	number int64
	feeder *Feeder
	err    error
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("write %s %d of the input to topic %s: %v", e.feeder.unit, e.number, e.feeder.topic, e.err)
}

func (e *refusedError) Unwrap() error { return e.err }
