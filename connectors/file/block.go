package file

import (
	"unsafe"

	"github.com/millrace/millrace/framework/connector"
)

const (
	blockBytes  = 64 << 10
	runRecords  = 1 << 10
	recordBytes = int64(unsafe.Sizeof(connector.Record{}))
	freeBlocks  = 64 // kept for reuse
)

// block is bytes that records point into.
type block struct {
	bytes []byte
	runs  int // that point into it and were not recycled
}

// pool hands out blocks and slices of records. It belongs to one worker's polling goroutine.
type pool struct {
	blocks  []*block
	slices  [][]connector.Record
	out     map[*connector.Record]lent // by a run's first record
	outside int64                      // bytes of runs that were not recycled
}

// lent is what a run holds.
type lent struct {
	reader *reader // nil: of an internal topic
	block  *block
	bytes  int64
}

func newPool() *pool { return &pool{out: map[*connector.Record]lent{}} }

// block returns a block of at least n bytes.
func (p *pool) block(n int) *block {
	if last := len(p.blocks) - 1; last >= 0 && n <= blockBytes {
		b := p.blocks[last]
		p.blocks = p.blocks[:last]
		return b
	}
	return &block{bytes: make([]byte, max(n, blockBytes))}
}

// free takes a block back.
func (p *pool) free(b *block) {
	if len(b.bytes) == blockBytes && len(p.blocks) < freeBlocks {
		p.blocks = append(p.blocks, b)
	}
}

// records returns an empty slice.
func (p *pool) records() []connector.Record {
	if last := len(p.slices) - 1; last >= 0 {
		s := p.slices[last]
		p.slices = p.slices[:last]
		return s
	}
	return make([]connector.Record, 0, runRecords)
}

// lend notes that a run was handed out.
func (p *pool) lend(records []connector.Record, l lent) {
	p.out[&records[0]] = l
	p.outside += l.bytes
	if l.block != nil {
		l.block.runs++
	}
	if l.reader != nil {
		l.reader.outside++
	}
}

// back takes a run's records back.
func (p *pool) back(records []connector.Record) {
	if len(records) == 0 {
		return
	}
	l, ok := p.out[&records[0]]
	if !ok {
		return
	}
	delete(p.out, &records[0])
	p.outside -= l.bytes
	if l.reader != nil {
		l.reader.outside--
	}
	if l.block != nil {
		if l.block.runs--; l.block.runs == 0 {
			p.free(l.block)
		}
	}
	if cap(records) == runRecords && len(p.slices) < freeBlocks {
		if l.block == nil || len(l.block.bytes) > blockBytes {
			clear(records) // else they hold a block that is kept anyway
		}
		p.slices = append(p.slices, records[:0])
	}
}
