package local

import (
	"cmp"
	"slices"
)

// spread returns who is to have each task, nil where there are no members. Members' numbers of tasks differ by at most
// one, and no more tasks leave their member than that takes. Among those that must move, the choice keeps each
// sub-topology's tasks apart from each other as well as it can.
func spread(tasks []*task, members []*Member) []*Member {
	s := &spreading{tasks: tasks, targets: make([]*Member, len(tasks)), members: members, load: map[*Member]*load{}}
	if len(members) == 0 {
		return s.targets
	}
	for _, m := range members {
		s.load[m] = &load{bySub: map[int]int{}}
	}
	for i, t := range tasks {
		s.keep(i, t)
	}
	s.share()
	for _, m := range members {
		for s.load[m].total > s.load[m].quota {
			s.take(m)
		}
	}
	for i, t := range tasks {
		if s.targets[i] == nil {
			s.give(i, t)
		}
	}
	return s.targets
}

type spreading struct {
	tasks   []*task
	targets []*Member
	members []*Member
	load    map[*Member]*load
}

// load is what a member has.
type load struct {
	total, quota int
	bySub        map[int]int
}

// keep leaves a task where it is, or is on its way to.
func (s *spreading) keep(i int, t *task) {
	m := t.holder
	if m == nil || t.stage == leaving {
		m = t.target
	}
	if l := s.load[m]; l != nil {
		s.targets[i] = m
		l.total++
		l.bySub[t.sub]++
	}
}

// share sets the quotas. Those who have most get the tasks that cannot be shared.
func (s *spreading) share() {
	byTotal := slices.Clone(s.members)
	slices.SortStableFunc(byTotal, func(a, b *Member) int { return cmp.Compare(s.load[b].total, s.load[a].total) })
	for i, m := range byTotal {
		s.load[m].quota = len(s.tasks) / len(s.members)
		if i < len(s.tasks)%len(s.members) {
			s.load[m].quota++
		}
	}
}

// take takes one task from a member: one that it was not told of, if there is, of the sub-topology of which it has most.
func (s *spreading) take(m *Member) {
	l, least := s.load[m], -1
	cost := func(i int) (told bool, have int) {
		t := s.tasks[i]
		return t.holder == m && (t.stage == held || t.stage == revoking), l.bySub[t.sub]
	}
	for i := range s.tasks {
		if s.targets[i] != m {
			continue
		}
		if least < 0 {
			least = i
			continue
		}
		told, have := cost(i)
		toldLeast, haveLeast := cost(least)
		if !told && toldLeast || told == toldLeast && have >= haveLeast {
			least = i
		}
	}
	s.targets[least] = nil
	l.total--
	l.bySub[s.tasks[least].sub]--
}

// give gives a task to the member with room that has fewest of its sub-topology.
func (s *spreading) give(i int, t *task) {
	var to *load
	for _, m := range s.members {
		l := s.load[m]
		if l.total >= l.quota {
			continue
		}
		if to == nil || cmp.Or(cmp.Compare(l.bySub[t.sub], to.bySub[t.sub]), cmp.Compare(l.total, to.total)) < 0 {
			to, s.targets[i] = l, m
		}
	}
	to.total++
	to.bySub[t.sub]++
}
