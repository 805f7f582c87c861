package engine

// CombinerContent returns how many keys a combiner has in it and how many records they stand for.
func CombinerContent[V, A any](c *Combiner[V, A]) (keys int, records int64) {
	for _, at := range c.filled {
		records += c.partials[at].count
	}
	return len(c.filled), records
}
