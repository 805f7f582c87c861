package main

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// probe watches a side's clients through hooks, a batch at a time: the same for both sides, and free.
type probe struct {
	in, out string

	mu       sync.Mutex // guards what follows
	seen     seen
	produced bool // since the last commit
}

// seen is what a side reports. Times are Unix nanoseconds, 0 for never.
type seen struct {
	FirstFetch int64 // of the input topic, decompressed and decoded
	LastAck    int64 // of the output topic
	LastCommit int64 // behind which something was produced

	Fetched      int64 // records of the input topic
	FetchedBytes int64 // their bytes, decompressed
	FetchedAll   int64 // records of all topics
	Produced     int64 // acknowledged records of all topics
	Output       int64 // those of the output topic
	Joins        int64 // requests to join the group
	Done         int64 // records that the sink of lag has taken; counted by the side
}

var (
	_ kgo.HookFetchBatchRead      = (*probe)(nil)
	_ kgo.HookProduceBatchWritten = (*probe)(nil)
	_ kgo.HookBrokerE2E           = (*probe)(nil)
)

func (p *probe) OnFetchBatchRead(_ kgo.BrokerMetadata, topic string, _ int32, m kgo.FetchBatchMetrics) {
	now := time.Now().UnixNano()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.FetchedAll += int64(m.NumRecords)
	if topic != p.in {
		return
	}
	if p.seen.FirstFetch == 0 {
		p.seen.FirstFetch = now
	}
	p.seen.Fetched += int64(m.NumRecords)
	p.seen.FetchedBytes += int64(m.UncompressedBytes)
}

func (p *probe) OnProduceBatchWritten(_ kgo.BrokerMetadata, topic string, _ int32, m kgo.ProduceBatchMetrics) {
	now := time.Now().UnixNano()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Produced += int64(m.NumRecords)
	p.produced = true
	if topic == p.out {
		p.seen.LastAck = now
		p.seen.Output += int64(m.NumRecords)
	}
}

func (p *probe) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if e.Err() != nil {
		return
	}
	switch kmsg.Key(key) {
	case kmsg.OffsetCommit, kmsg.EndTxn:
		now := time.Now().UnixNano()
		p.mu.Lock()
		if p.produced {
			p.seen.LastCommit, p.produced = now, false
		}
		p.mu.Unlock()
	case kmsg.JoinGroup:
		p.mu.Lock()
		p.seen.Joins++
		p.mu.Unlock()
	}
}

func (p *probe) now() seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}
