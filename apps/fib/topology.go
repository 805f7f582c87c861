package main

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
)

// The streams are of *big.Int: a number that was handed on is shared with all that hold it, and never changed.
type (
	stream = framework.Stream[framework.None, *big.Int]
	topic  = framework.Topic[framework.None, *big.Int]
	emit   = framework.Emit[framework.None, *big.Int]
	output = func(context.Context, *big.Int) error
)

// lastTwoStore is the store of the last two numbers; the name of its changelog has its name in it.
const lastTwoStore = "last-two"

// seeds are what the stream begins with. They are not printed.
var seeds = [2]*big.Int{big.NewInt(0), big.NewInt(1)}

// decimal writes a number as decimal text.
var decimal = codec.New("decimal",
	func(dst []byte, n *big.Int) ([]byte, error) { return n.Append(dst, 10), nil },
	func(b []byte) (*big.Int, error) {
		n, ok := new(big.Int).SetString(string(b), 10)
		if !ok {
			return nil, fmt.Errorf("%.40q is no whole number", b)
		}
		return n, nil
	})

// throughTopic feeds the numbers back through the topic that they come from. It begins with the seeds, and has one
// partition.
func throughTopic(numbers topic, every time.Duration, out output) func(*framework.Topology) {
	return func(t *framework.Topology) {
		feedBack(t.From(numbers).Process(lastTwoStore, lastTwo), every, out, numbers)
	}
}

// inMemory feeds the numbers back to those that are emitted into source. There nothing comes twice.
func inMemory(source *framework.Input[*big.Int], every time.Duration, out output) func(*framework.Topology) {
	return func(t *framework.Topology) {
		in, again := t.From(source).Loop("again", 1)
		feedBack(in.Sliding(lastTwoStore, 2, sum), every, out, again)
	}
}

// feedBack hands the sums to out, at most one every so long, and writes them to where the next ones are made of them.
func feedBack(sums stream, every time.Duration, out output, to topic) {
	numbers := sums.RateLimit(1, every)
	numbers.ForEach(out)
	numbers.To(to)
}

func sum(last []*big.Int) *big.Int { return new(big.Int).Add(last[0], last[1]) }

// lastTwo is Sliding of two, summed, that bears repeats. Where the brokers take the partition away and give it back, what was
// not committed is read again, though the store may have it, and then sums are written that were written before. Sliding
// would take a number that comes again for the next one.
func lastTwo(op *framework.Op, next emit) emit {
	store := op.Store(framework.StoreOf[framework.None, window](lastTwoStore))
	return func(m *framework.Meta, k framework.None, n *big.Int) error {
		w, known := store.Get(k)
		if !known || m.Offset != w.Offset { // else it is read again, and its sum may not have been written
			if n.Cmp(w.next()) != 0 {
				return nil
			}
			w = window{w.Second, n, m.Offset}
			store.Put(k, w)
		}
		if w.First == nil {
			return nil
		}
		return next(m, k, w.next())
	}
}

// window is the last two numbers of the topic; nil where there are not so many yet.
type window struct {
	First, Second *big.Int
	Offset        int64 // of the second
}

// next is the number that follows.
func (w window) next() *big.Int {
	switch {
	case w.Second == nil:
		return seeds[0]
	case w.First == nil:
		return seeds[1]
	}
	return sum([]*big.Int{w.First, w.Second})
}
