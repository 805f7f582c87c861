package framework

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Print shows the table on standard output, see PrintTo.
func (t Table[K, V]) Print() { t.PrintTo(os.Stdout) }

// PrintTo shows the table on w. On a terminal it is the last value of each key that changed since the start, in the order
// of the keys' text, as much as the terminal has room for; it is drawn anew in its place at the end of each round, and
// within a round at most 10 times a second. Elsewhere each update is a line, as Stream.PrintTo writes it.
func (t Table[K, V]) PrintTo(w io.Writer) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		t.Stream().PrintTo(w)
		return
	}
	live(t, w, func() (width, height int, err error) { return term.GetSize(int(file.Fd())) })
}

// live adds a sink that keeps the table on a terminal.
func live[K comparable, V any](t Table[K, V], w io.Writer, size func() (width, height int, err error)) {
	screen := &liveTable{w: w, size: size, values: map[string]string{}}
	out := apply(t.Stream(), "print", "", func(op *Op, _ Emit[None, struct{}]) Emit[K, V] {
		entered, id := op.enter()
		op.OnCommit(func() error {
			if err := screen.endRound(); err != nil {
				return op.fail(&Meta{}, fmt.Errorf("print the table: %w", err))
			}
			return nil
		})
		return func(m *Meta, k K, v V) error {
			*entered = id
			var err error
			if m.Deleted {
				err = screen.remove(textOf(k))
			} else {
				err = screen.set(textOf(k), textOf(v))
			}
			if err != nil {
				return op.fail(m, fmt.Errorf("print the table: %w", err))
			}
			return nil
		}
	})
	out.n.sink = true
}
