package driver

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
)

// A function of the graph that emits into its own graph would wait for itself. To tell it from another goroutine that
// may wait, the graph's number is written into the stack of whoever runs its functions, a call a digit, and read
// from there when Emit would have to wait. It costs three calls an Emit and nothing a record.

const digits, digitBits = 3, 4

var graphs atomic.Uint32

// within runs f, which calls functions of the graph.
func (s *shared) within(f func()) { write(s.graph, digits, f) }

// inside says that the calling goroutine runs a function of the graph.
func (s *shared) inside() bool {
	pcs := make([]uintptr, 512)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var seen []uint32 // digits, the innermost call first
	for {
		frame, more := frames.Next()
		if d := slices.Index(digitNames[:], frame.Function); d >= 0 {
			seen = append(seen, uint32(d))
		}
		if !more {
			break
		}
	}
	for ; len(seen) >= digits; seen = seen[digits:] {
		number := uint32(0)
		for i := range digits {
			number |= seen[i] << (digitBits * i)
		}
		if number == s.graph {
			return true
		}
	}
	return false
}

type graphKey struct{}

// mark returns the context that functions of the graph get: it tells emissions from inside it.
func (s *shared) mark(ctx context.Context) context.Context {
	return context.WithValue(ctx, graphKey{}, s.graph)
}

// marked says that the context is one that mark returned, or made of one.
func (s *shared) marked(ctx context.Context) bool {
	graph, ok := ctx.Value(graphKey{}).(uint32)
	return ok && graph == s.graph
}

// write calls f below calls that stand for the digits of the number, the lowest digit innermost.
func write(number uint32, left int, f func()) {
	if left == 0 {
		f()
		return
	}
	digitCalls[number>>(digitBits*(left-1))&(1<<digitBits-1)](number, left-1, f)
}

var (
	digitCalls [1 << digitBits]func(number uint32, left int, f func())
	digitNames [1 << digitBits]string
)

func init() {
	digitCalls = [...]func(uint32, int, func()){d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15}
	for d, call := range digitCalls {
		digitNames[d] = runtime.FuncForPC(pointerOf(call)).Name()
	}
}
