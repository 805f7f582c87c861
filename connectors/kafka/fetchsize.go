package kafka

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchSize bounds what a fetch is after it is decompressed. Brokers count the bytes on the way, and the client decompresses a whole
// fetch at once, so that records which compress a hundred times would take a hundred times the memory that was meant. Batches that
// were read tell what the next ones will be: a fetch asks for that part of its limit.
//
// What cannot be told is a batch that compresses much better than all before it; it is one partition's share of one fetch.
type fetchSize struct {
	mu          sync.Mutex // guards all below: brokers are fetched from side by side
	set         func(total, partition int32)
	total, part int32   // what the client was configured with: of a fetch, and of a partition in it
	ratio       float64 // of uncompressed bytes to those on the way: it rises at once, and falls with what is read
	seen        float64 // uncompressed bytes that the ratio is of, at most rememberedBytes
	asked       int32
}

const (
	presumedRatio   = 32.0      // before anything is read
	presumedBytes   = 256 << 10 // what the presumption weighs
	rememberedBytes = 16 << 20
	leastFetch      = 4 << 10 // brokers send one batch at least, whatever its size
)

// OnNewClient begins with a small fetch.
func (f *fetchSize) OnNewClient(cl *kgo.Client) {
	total, _ := cl.OptValue(kgo.FetchMaxBytes).(int32)
	part, _ := cl.OptValue(kgo.FetchMaxPartitionBytes).(int32)
	f.begin(total, part, cl.UpdateFetchMaxBytes)
}

func (f *fetchSize) begin(total, part int32, set func(total, partition int32)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total, f.part, f.set = total, part, set
	f.ratio, f.seen = presumedRatio, presumedBytes
	f.ask()
}

// OnFetchBatchRead learns from a batch.
func (f *fetchSize) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	if m.CompressedBytes <= 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	bytes := float64(m.UncompressedBytes)
	ratio := max(1, bytes/float64(m.CompressedBytes))
	f.seen += bytes
	if ratio > f.ratio {
		f.ratio = ratio
	} else {
		f.ratio -= (f.ratio - ratio) * bytes / f.seen
	}
	f.seen = min(f.seen, rememberedBytes)
	f.ask()
}

// ask sets the limits where they differ by more than an eighth from those that are set.
func (f *fetchSize) ask() {
	total := min(f.total, max(leastFetch, int32(float64(f.total)/f.ratio)))
	if f.asked > 0 && total < f.asked+f.asked/8 && total > f.asked-f.asked/8 && total != f.total {
		return
	}
	f.asked = total
	f.set(total, min(f.part, total))
}
