package kafka

import (
	"cmp"
	"slices"
)

// shares says how many tasks of each group each member gets. It is a flow of one unit a task:
//
//	source -> group -> process's part of the group -> member -> process -> sink
//
// A cost on an arc of each kind is one rule of [assignment.target]. Tasks of one group with one owner are
// alike, so that the flow counts them and place names them.
type shares struct {
	a       *assignment
	o       *ownership
	net     network
	members []int    // of a.members, by process and id: the order that decides between equals
	process []int    // number of the process by member, in the order of members
	names   []string // of the processes
	groups  []groupArcs
	toProc  []int // arcs from members to their processes
	toSink  []int // arcs from processes to the sink
}

// groupArcs are the arcs of one group, as numbers; all are nil where nobody may have its tasks.
type groupArcs struct {
	row   []int // the one from the source
	parts []int // to each process's part, -1 none
	cells []int // to each member, in the order of members, -1 none
}

func newShares(a *assignment, o *ownership) *shares {
	s := &shares{a: a, o: o, groups: make([]groupArcs, len(a.tasks))}
	for j := range a.members {
		s.members = append(s.members, j)
	}
	slices.SortFunc(s.members, func(x, y int) int {
		return cmp.Or(cmp.Compare(a.members[x].process, a.members[y].process), cmp.Compare(a.members[x].id, a.members[y].id))
	})
	for _, j := range s.members {
		if name := a.members[j].process; len(s.names) == 0 || s.names[len(s.names)-1] != name {
			s.names = append(s.names, name)
		}
		s.process = append(s.process, len(s.names)-1)
	}
	s.build()
	return s
}

// build lays the arcs. The nodes of members and processes come after source and sink, those of groups after them.
func (s *shares) build() {
	s.net.nodes = s.processNode(len(s.names))
	even := true
	for i, n := range s.a.tasks {
		if n > 0 {
			s.group(i, int64(n))
			_, capacity := s.capacities(func(m *member) bool { return m.eligible[i] })
			_, all := s.capacities(eligibleForAny)
			even = even && capacity == all
		}
	}
	tasks := int64(s.net.supply)
	if tasks == 0 {
		return
	}
	byProcess, capacity := s.capacities(eligibleForAny)
	for k, j := range s.members {
		x := s.net.arc(s.memberNode(k), s.processNode(s.process[k]))
		s.net.arcs[x].share(levelMember, tasks, int64(s.a.members[j].capacity), capacity)
		s.toProc = append(s.toProc, x)
	}
	for p, c := range byProcess {
		x := s.net.arc(s.processNode(p), sink)
		s.net.arcs[x].share(levelProcess, tasks, c, capacity)
		s.toSink = append(s.toSink, x)
	}
	if even {
		s.settle()
	}
}

func (s *shares) memberNode(k int) int  { return 2 + k }
func (s *shares) processNode(p int) int { return 2 + len(s.members) + p }

func eligibleForAny(m *member) bool { return slices.Contains(m.eligible, true) }

// capacities sums the capacities of members by process and in all.
func (s *shares) capacities(of func(*member) bool) (byProcess []int64, sum int64) {
	byProcess = make([]int64, len(s.names))
	for k, j := range s.members {
		if m := &s.a.members[j]; of(m) {
			byProcess[s.process[k]] += int64(m.capacity)
			sum += int64(m.capacity)
		}
	}
	return byProcess, sum
}

// group lays the arcs of group i with n tasks, if any member may have them.
func (s *shares) group(i int, n int64) {
	byProcess, capacity := s.capacities(func(m *member) bool { return m.eligible[i] })
	if capacity == 0 {
		return
	}
	inMember, inProcess := s.held(i)
	row := s.net.node()
	g := groupArcs{row: []int{s.net.arc(source, row)}}
	s.net.arcs[g.row[0]].limit = int32(n)
	s.net.supply += int32(n)
	for p, c := range byProcess {
		if c == 0 {
			g.parts = append(g.parts, -1)
			continue
		}
		x := s.net.arc(row, s.net.node())
		s.net.arcs[x].share(levelProcessGroup, n, c, capacity)
		s.net.arcs[x].keep(levelLeaveProcess, inProcess[p])
		g.parts = append(g.parts, x)
	}
	for k, j := range s.members {
		m := &s.a.members[j]
		if !m.eligible[i] {
			g.cells = append(g.cells, -1)
			continue
		}
		x := s.net.arc(s.net.arcs[g.parts[s.process[k]]].to, s.memberNode(k))
		s.net.arcs[x].share(levelMemberGroup, n, int64(m.capacity), capacity)
		s.net.arcs[x].keep(levelLeaveMember, inMember[k])
		g.cells = append(g.cells, x)
	}
	s.groups[i] = g
}

// settle gives each member its share of each group, rounded down: where all are eligible for all, every least cost has that. It
// leaves at most one task a group and member to search a way for.
func (s *shares) settle() {
	for _, g := range s.groups {
		for k, x := range g.cells {
			if x < 0 {
				continue
			}
			p := s.process[k]
			units := s.net.arcs[x].low
			for _, y := range []int{g.row[0], g.parts[p], x, s.toProc[k], s.toSink[p]} {
				s.net.arcs[y].flow += units
				s.net.arcs[y].least += units
			}
			s.net.supply -= units
		}
	}
}

// held counts the tasks of group i that each member owns, and whose state lies in each process.
func (s *shares) held(i int) (inMember, inProcess []int32) {
	place := make([]int, len(s.members))
	for k, j := range s.members {
		place[j] = k
	}
	inMember, inProcess = make([]int32, len(s.members)), make([]int32, len(s.names))
	for _, w := range s.o.owners[i] {
		if w.member >= 0 {
			inMember[place[w.member]]++
		}
		if p, known := slices.BinarySearch(s.names, w.process); known {
			inProcess[p]++
		}
	}
	return inMember, inProcess
}

// place gives each task of group i to a member, as the flow counts them: first to its owner, then to another
// member of its process, then to anyone.
func (s *shares) place(i int32, give func(t task, member int)) {
	room := make([]int32, len(s.members))
	for k, x := range s.groups[i].cells {
		if x >= 0 {
			room[k] = s.net.arcs[x].flow
		}
	}
	owners := s.o.owners[i]
	placed := make([]bool, len(owners))
	pass := func(fits func(w *owner, k int) bool) {
		for p := range owners {
			for k := 0; k < len(room) && !placed[p]; k++ {
				if room[k] > 0 && fits(&owners[p], k) {
					room[k]--
					placed[p] = true
					give(task{group: i, partition: int32(p)}, s.members[k])
				}
			}
		}
	}
	pass(func(w *owner, k int) bool { return w.member == s.members[k] })
	pass(func(w *owner, k int) bool { return w.process == s.names[s.process[k]] })
	pass(func(*owner, int) bool { return true })
}
