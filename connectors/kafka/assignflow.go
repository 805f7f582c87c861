package kafka

import "math"

// The levels of cost, the most important first: one unit of a level outweighs any number of the later ones.
const (
	levelProcess = iota // distance of a process from its share of all tasks
	levelMember
	levelProcessGroup // distance of a process from its share of one group's tasks
	levelMemberGroup
	levelLeaveProcess // tasks that come from elsewhere
	levelLeaveMember
	levels
)

type cost [levels]int32

func (c *cost) add(o *cost, sign int32) (sum cost) {
	for l := range c {
		sum[l] = c[l] + sign*o[l]
	}
	return sum
}

func (c *cost) less(o *cost) bool {
	for l := range c {
		if c[l] != o[l] {
			return c[l] < o[l]
		}
	}
	return false
}

const (
	source = 0
	sink   = 1
)

// network finds a flow of least cost from source to sink, in units, where the cost of an arc is convex in its flow.
type network struct {
	nodes  int
	arcs   []arc
	supply int32 // units to send, beyond what flows already; there is room for them
}

// arc leads units from one node to another, at a cost for each that depends on its number.
type arc struct {
	from, to int
	// Invariant: least <= flow <= limit.
	least, flow, limit int32

	// Outside of low to high each unit costs its distance, at the level balance. Since that grows, the flow is as
	// even as can be where it cannot be within.
	balance   int
	low, high int32
	// Units above kept cost one each, at the level stay.
	stay int
	kept int32
}

// node adds a node and returns its number.
func (n *network) node() int {
	n.nodes++
	return n.nodes - 1
}

// arc adds an arc without cost and returns its number.
func (n *network) arc(from, to int) int {
	n.arcs = append(n.arcs, arc{from: from, to: to, limit: math.MaxInt32, high: math.MaxInt32, kept: math.MaxInt32})
	return len(n.arcs) - 1
}

// share makes the arc cost its distance from total*part/whole, rounded down or up.
func (x *arc) share(level int, total, part, whole int64) {
	x.balance = level
	x.low = int32(total * part / whole)
	x.high = int32((total*part + whole - 1) / whole)
}

// keep makes units above the first n cost one each.
func (x *arc) keep(level int, n int32) { x.stay, x.kept = level, n }

// cost returns the cost of the arc's unit number k, counted from 1.
func (x *arc) cost(k int32) (c cost) {
	switch {
	case k <= x.low:
		c[x.balance] = k - x.low - 1
	case k > x.high:
		c[x.balance] = k - x.high
	}
	if k > x.kept {
		c[x.stay]++
	}
	return c
}

// solve sends all units, each on the way of least cost that is left when those before it may be diverted.
func (n *network) solve() {
	leaving := make([][]int, n.nodes) // arcs at each node: a from it, ^a to it
	for a, x := range n.arcs {
		leaving[x.from] = append(leaving[x.from], a)
		leaving[x.to] = append(leaving[x.to], ^a)
	}
	p := paths{network: n, leaving: leaving, reached: make([]bool, n.nodes), queued: make([]bool, n.nodes), costs: make([]cost, n.nodes), by: make([]int, n.nodes)}
	for range n.supply {
		p.search()
		for node := sink; node != source; {
			if a := p.by[node]; a >= 0 {
				n.arcs[a].flow++
				node = n.arcs[a].from
			} else {
				n.arcs[^a].flow--
				node = n.arcs[^a].to
			}
		}
	}
}

// paths holds the cheapest ways from source.
type paths struct {
	*network
	leaving [][]int
	reached []bool
	costs   []cost // of a way to each node
	by      []int  // the way's last arc, as in leaving
	queue   []int
	queued  []bool
}

// search is Bellman and Ford's with a queue: there are negative costs, but no negative cycle.
func (p *paths) search() {
	clear(p.reached)
	p.costs[source] = cost{}
	p.reached[source] = true
	p.queue = append(p.queue[:0], source)
	for head := 0; head < len(p.queue); head++ {
		node := p.queue[head]
		p.queued[node] = false
		for _, a := range p.leaving[node] {
			var to int
			var total cost
			if a >= 0 {
				x := &p.arcs[a]
				if x.flow == x.limit {
					continue
				}
				c := x.cost(x.flow + 1)
				to, total = x.to, p.costs[node].add(&c, 1)
			} else {
				x := &p.arcs[^a]
				if x.flow == x.least {
					continue
				}
				c := x.cost(x.flow)
				to, total = x.from, p.costs[node].add(&c, -1)
			}
			if p.reached[to] && !total.less(&p.costs[to]) {
				continue
			}
			p.reached[to], p.costs[to], p.by[to] = true, total, a
			if !p.queued[to] {
				p.queued[to] = true
				p.queue = append(p.queue, to)
			}
		}
	}
}
