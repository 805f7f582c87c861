package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestAFetchIsAsLargeAsItIsMeantToBeAfterItIsDecompressed(t *testing.T) {
	const total, part = 16 << 20, 1 << 20
	for _, c := range []struct {
		name    string
		batches []kgo.FetchBatchMetrics
		atLeast int32 // bytes asked for in the end
		atMost  int32
	}{
		{"nothing is known", nil, total / 64, total / 32},
		{"what does not compress is fetched in full soon", same(4<<20/16_000, 16_000, 16_000), total / 3, total},
		{"and in full at last", same(64<<20/16_000, 16_000, 16_000), total * 7 / 8, total},
		{"one batch that compresses a hundred times is enough", same(1, 1_000_000, 10_000), total / 128, total / 90},
		{"the end of a transaction tells nothing", same(1, 78, 78), total / 64, total / 30},
		{"ends of transactions between do not make it forget", append(same(1, 1_000_000, 10_000), same(1000, 78, 78)...), total / 128, total / 80},
		{"other batches make it forget in the end", append(same(1, 1_000_000, 10_000), same(200, 1_000_000, 1_000_000)...), total * 7 / 8, total},
		{"a batch is sent anyhow", same(1, 64<<20, 1000), leastFetch, leastFetch},
		{"no bytes", same(1, 0, 0), total / 64, total / 32},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f fetchSize
			var asked, ofPart int32
			f.begin(total, part, func(total, part int32) { asked, ofPart = total, part })
			for _, b := range c.batches {
				f.OnFetchBatchRead(kgo.BrokerMetadata{}, "", 0, b)
			}
			if asked < c.atLeast || asked > c.atMost {
				t.Errorf("%d bytes are asked for, want %d to %d", asked, c.atLeast, c.atMost)
			}
			if ofPart != min(part, asked) {
				t.Errorf("%d bytes of a partition are asked for, of %d", ofPart, asked)
			}
		})
	}
}

func same(n, uncompressed, compressed int) (batches []kgo.FetchBatchMetrics) {
	for range n {
		batches = append(batches, kgo.FetchBatchMetrics{UncompressedBytes: uncompressed, CompressedBytes: compressed})
	}
	return batches
}
