package framework

import (
	"slices"
	"sync"
)

// Collected holds the values that came to a Collect.
type Collected[V any] struct {
	mu     sync.Mutex // guards values
	values []V
}

// Collect keeps the values of the stream in memory, in the order of arrival; tombstones are passed over. It is for tests
// and for small results: nothing is ever removed, nothing survives the process, and after an error values that are
// processed again are there again.
func (s Stream[K, V]) Collect() *Collected[V] {
	c := &Collected[V]{}
	out := apply(s, "collect", "", func(*Op, Emit[None, struct{}]) Emit[K, V] {
		return func(m *Meta, _ K, v V) error {
			if !m.Deleted {
				c.add(v)
			}
			return nil
		}
	})
	out.n.sink = true
	return c
}

func (c *Collected[V]) add(v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values = append(c.values, v)
}

// Values returns a copy of what has been collected so far. It may be called from any goroutine.
func (c *Collected[V]) Values() []V {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.values)
}
