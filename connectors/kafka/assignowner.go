package kafka

// owner is who has a task.
type owner struct {
	// member is the number of the member that has the task, -1 nobody. Of several that claim it, it is the one
	// with the highest generation, since the others missed a rebalance; it must claim the task as a whole, for of the
	// rest the others may be the owners. Else nobody has it, and all of them must let go.
	member     int
	claims     int   // members that claim it
	generation int32 // the highest of the claims
	contested  bool  // several claims have that generation
	whole      bool

	// process is where the task's state lies, "" unknown: its owner's, or the one that released it last.
	process    string
	releasedAt int32 // generation of the release
}

// ownership holds the owner of each task.
type ownership struct {
	owners [][]owner // by group and partition
}

// at returns nil where there is no such task: what a member tells may be of an older or a newer topic.
func (o *ownership) at(t task) *owner {
	if t.partition < 0 || int(t.partition) >= len(o.owners[t.group]) {
		return nil
	}
	return &o.owners[t.group][t.partition]
}

func (a *assignment) ownership() *ownership {
	o := &ownership{owners: make([][]owner, len(a.tasks))}
	for i, n := range a.tasks {
		o.owners[i] = make([]owner, n)
		for p := range o.owners[i] {
			o.owners[i][p].member = -1
		}
	}
	for j := range a.members {
		m := &a.members[j]
		for _, c := range m.claims {
			if w := o.at(c.task); w != nil {
				w.claim(j, m.generation, c.whole)
			}
		}
		for _, t := range m.released {
			if w := o.at(t); w != nil {
				w.release(m)
			}
		}
	}
	for _, owners := range o.owners {
		for p := range owners {
			owners[p].settle(a.members)
		}
	}
	return o
}

func (w *owner) claim(member int, generation int32, whole bool) {
	w.claims++
	switch {
	case w.claims == 1 || generation > w.generation:
		w.member, w.generation, w.contested, w.whole = member, generation, false, whole
	case generation == w.generation:
		w.contested = true
	}
}

func (w *owner) release(m *member) {
	later := m.generation > w.releasedAt
	if w.process == "" || later || m.generation == w.releasedAt && m.process < w.process {
		w.process, w.releasedAt = m.process, m.generation
	}
}

func (w *owner) settle(members []member) {
	switch {
	case w.claims > 1 && (w.contested || !w.whole):
		w.member, w.process = -1, ""
	case w.claims > 0:
		w.process = members[w.member].process
	}
}
