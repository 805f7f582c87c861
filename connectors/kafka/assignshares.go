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
	process []int32  // number of the process by member, in the order of members
	names   []string // of the processes
	cells   [][]int  // by group and member, in the order of members: the arc, -1 none; nil for a group that nobody may have
}

func newShares(a *assignment, o *ownership) *shares {
	s := &shares{a: a, o: o, cells: make([][]int, len(a.tasks))}
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
		s.process = append(s.process, int32(len(s.names)-1))
	}
	s.build()
	return s
}

// build lays the arcs. The nodes of members and processes come after source and sink.
func (s *shares) build() {
	members, processes := len(s.members), len(s.names)
	memberNode := func(k int) int { return 2 + k }
	processNode := func(p int32) int { return 2 + members + int(p) }
	s.net.nodes = 2 + members + processes

	all := make([]int64, processes) // capacity by process
	var capacity int64
	for k, j := range s.members {
		if m := &s.a.members[j]; slices.Contains(m.eligible, true) {
			all[s.process[k]] += int64(m.capacity)
			capacity += int64(m.capacity)
		}
	}
	if capacity == 0 {
		return
	}
	for i, n := range s.a.tasks {
		s.group(i, int64(n), memberNode)
	}
	for k, j := range s.members {
		x := s.net.arc(memberNode(k), processNode(s.process[k]))
		x.share(levelMember, int64(s.net.supply), int64(s.a.members[j].capacity), capacity)
	}
	for p := range processes {
		x := s.net.arc(processNode(int32(p)), sink)
		x.share(levelProcess, int64(s.net.supply), all[p], capacity)
	}
}

// group lays the arcs of group i with n tasks, where any member may have them.
func (s *shares) group(i int, n int64, memberNode func(int) int) {
	capacities := make([]int64, len(s.names))
	var capacity int64
	for k, j := range s.members {
		if s.a.members[j].eligible[i] {
			capacities[s.process[k]] += int64(s.a.members[j].capacity)
			capacity += int64(s.a.members[j].capacity)
		}
	}
	if capacity == 0 || n == 0 {
		return
	}
	cells := make([]int, len(s.members))
	for k := range cells {
		cells[k] = -1
	}
	s.cells[i] = cells
	inMember, inProcess := s.held(i)
	row := s.net.node()
	s.net.arc(source, row).limit = int32(n)
	s.net.supply += int32(n)
	parts := make([]int, len(s.names))
	for p, c := range capacities {
		if c > 0 {
			parts[p] = s.net.node()
			x := s.net.arc(row, parts[p])
			x.share(levelProcessGroup, n, c, capacity)
			x.keep(levelLeaveProcess, inProcess[p])
		}
	}
	for k, j := range s.members {
		if m := &s.a.members[j]; m.eligible[i] {
			cells[k] = len(s.net.arcs)
			x := s.net.arc(parts[s.process[k]], memberNode(k))
			x.share(levelMemberGroup, n, int64(m.capacity), capacity)
			x.keep(levelLeaveMember, inMember[k])
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
	for k, x := range s.cells[i] {
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
