package kafka

import "cmp"

// assignment is the input of one decision of a leader. What it decides is a function of it alone, and
// the order of its members does not matter.
type assignment struct {
	tasks   []int32 // number of tasks by group
	members []member
}

// task is partition p of all source topics of a sub-topology; group is the leader's number of the sub-topology.
type task struct {
	group     int32
	partition int32
}

func compareTasks(a, b task) int {
	return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.partition, b.partition))
}

// member is what the leader knows of one member of the group.
type member struct {
	id         string
	process    string
	capacity   int    // its fair share is its part of all members' capacities; at least 1
	generation int32  // in which it owned what it claims
	eligible   []bool // by group: may have tasks of it
	claims     []claim
	released   []task // let go at its last sync
}

// claim says that a member owned a task when it joined.
type claim struct {
	task  task
	whole bool // all partitions of it
}

// target returns for each member the tasks that it is to own once everybody has let go what he must.
//
// Each rule yields to the ones before it:
//  1. each process has its share of all tasks, by its members' capacities, rounded down or up;
//  2. so has each member;
//  3. each process has its share of the tasks of each group, and then each member;
//  4. as few tasks as possible leave the process of their owner, where their state lies;
//  5. as few tasks as possible leave their owner.
//
// Where all members are eligible for all groups, rules 1 to 3 are met to the letter: the bounds form two nested families, so
// that fractional shares can always be rounded. Elsewhere the shares are as even as can be. The minima are exact:
// the shares are a flow of least cost. So of a target that is half done, the rest is the next target, and two rounds are enough.
func (a *assignment) target() [][]task {
	o := a.ownership()
	s := newShares(a, o)
	s.net.solve()
	out := make([][]task, len(a.members))
	for i := range a.tasks {
		s.place(int32(i), func(t task, m int) { out[m] = append(out[m], t) })
	}
	return out
}

// now returns the part of target that the members may have at once: a task that another live member claims is withheld
// until that one has let go and joined again.
func (a *assignment) now(target [][]task) [][]task {
	o := a.ownership()
	out := make([][]task, len(target))
	for m, tasks := range target {
		for _, t := range tasks {
			if w := o.at(t); w.member == m || w.claims == 0 {
				out[m] = append(out[m], t)
			}
		}
	}
	return out
}
