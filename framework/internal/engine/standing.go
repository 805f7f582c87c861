package engine

// Due returns the watermark of the task at which the next of its operators is due; Never: none is. Stages behind it count for
// themselves.
func (t *Task) Due() int64 { return t.nextDue() }

// Slowest returns the upstream task that holds a partition of a repartition topic back, and what it told; NoTime: it has
// not spoken. ok is false where none does: all are idle, or have ended.
func (in *Input) Slowest() (task int, told int64, ok bool) {
	if in.front == nil {
		return 0, 0, false
	}
	for u, at := range in.front.at {
		if in.front.idleBy[u] || in.front.endedBy[u] {
			continue
		}
		if !ok || at < told {
			task, told, ok = u, at, true
		}
	}
	return task, told, ok
}

// Keeping says that an operator keeps records of the input for which the watermark waits.
func (in *Input) Keeping() bool { return in.keeping > 0 }

// Feeding says that a loop is not empty: what is in it is nowhere else.
func (t *Task) Feeding() bool { return t.filled() != nil }
