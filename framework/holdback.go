package framework

import "github.com/millrace/millrace/framework/internal/engine"

// An operator that hands results on later than the records that they were made of passes on a lower watermark: by a constant
// of its own, its delay. Constants add up along a path, and where paths meet the largest counts; so that what comes is on
// time for the next operator, whatever way it came. A repartition topic carries the watermark less what is held back before it.

// holdBacks finds for each node how far what it is given is behind the watermark of its task. Nodes come after their inputs.
func (b *build) holdBacks() {
	b.before = make([]int64, len(b.topology.nodes))
	for _, n := range b.topology.nodes {
		for _, up := range n.in {
			b.before[n.id] = max(b.before[n.id], b.behind(up))
		}
	}
}

// behind returns how far what a node hands on is behind the watermark of its task, ms.
func (b *build) behind(n *node) int64 { return engine.Later(b.before[n.id], n.delay) }

// heldBack returns how far what the operator is given is behind the watermark of its task, ms.
func (op *Op) heldBack() int64 { return op.o.build.before[op.n.id] }
