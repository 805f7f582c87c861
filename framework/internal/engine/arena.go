package engine

const blockBytes = 64 << 10

// Arena holds the bytes of one round's outputs until they are acknowledged: a client keeps keys and values across
// retries, so they must not be reused earlier. It is used by one goroutine.
type Arena struct {
	pool   *Pool
	blocks [][]byte // all but the last are full
	free   []byte   // the rest of the last block, length 0
}

// Pool keeps blocks for reuse, so that a steady stream allocates none. It is used by one goroutine.
type Pool struct{ blocks [][]byte }

// NewArena returns an empty arena with blocks from the pool.
func (p *Pool) NewArena() *Arena { return &Arena{pool: p} }

// Begin returns an empty slice with room to append to. What was appended is kept by End;
// no other Begin comes between.
func (a *Arena) Begin() []byte {
	if cap(a.free) < 512 {
		a.grow()
	}
	return a.free
}

// End keeps b, which was grown from Begin's slice, and returns it with no room to append to.
// Where b outgrew the block it has its own memory already.
func (a *Arena) End(b []byte) []byte {
	if len(b) <= cap(a.free) {
		a.free = a.free[len(b):len(b)] // b lies at its start
	} else if len(b) < blockBytes/8 {
		a.free = nil // what comes is about as long: go on with another block, not with memory of its own for each
	}
	return b[:len(b):len(b)]
}

// Copy keeps a copy of b.
func (a *Arena) Copy(b []byte) []byte { return a.End(append(a.Begin(), b...)) }

// Bytes returns the memory that the arena holds.
func (a *Arena) Bytes() int64 { return int64(len(a.blocks)) * blockBytes }

// Release gives the blocks back. Nothing that came from the arena may be used after it.
func (a *Arena) Release() {
	a.pool.blocks = append(a.pool.blocks, a.blocks...)
	a.blocks, a.free = a.blocks[:0], nil
}

func (a *Arena) grow() {
	var block []byte
	if n := len(a.pool.blocks); n > 0 {
		block, a.pool.blocks = a.pool.blocks[n-1], a.pool.blocks[:n-1]
	} else {
		block = make([]byte, 0, blockBytes)
	}
	a.blocks = append(a.blocks, block)
	a.free = block
}
