package main

import (
	"context"
	"io"
	"math/big"
)

// printer prints numbers until it has printed as many as it is to. It is used by one goroutine at a time.
type printer struct {
	to      io.Writer
	n       int
	printed int
	onEach  func() // called after each number
	onLast  func() // called after the last one

	last *big.Int // printed; nil: none
}

// print writes a line. A number that comes again, or after the last one, is passed over: the numbers rise.
func (p *printer) print(_ context.Context, n *big.Int) error {
	if p.printed == p.n || p.last != nil && n.Cmp(p.last) <= 0 {
		return nil
	}
	if _, err := p.to.Write(append(n.Append(nil, 10), '\n')); err != nil {
		return err
	}
	p.last = n
	p.printed++
	p.onEach()
	if p.printed == p.n {
		p.onLast()
	}
	return nil
}
