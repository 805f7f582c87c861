package framework

// runs keep for each key what the panes of its window make together. From one window to the next a few panes go and a few come, so
// that the next result takes a few merges and not one for each of its panes. A run has two parts:
//
//	front  for each of the earlier panes what it makes with those behind it in front: one is dropped to let a pane go
//	back   what the later panes make together: one is merged to let a pane come
//
// Where front is used up, all panes are brought into it. So a pane is merged twice, and a result takes two merges more.
type runs struct {
	r       *results
	byKey   []keyRun
	through int64 // the highest of all
}

// keyRun is the run of a key.
type keyRun struct {
	through int64 // panes that start before are in it
	front   int32 // how many panes are in front: the first ones of the key's list; none: there is no run
	back    bool  // something is in back
}

// runValues are the values of runs.
type runValues interface {
	// push puts what a place and the first of front make before the first of front.
	push(key, place int32)
	// pop drops the first of front. Where that is the last one it drops back, too.
	pop(key int32)
	// follow merges a place into back; not some: nothing is there yet.
	follow(key, place int32, some bool)
	// gatherRun gathers what the first of front and, if there is some, back make.
	gatherRun(key int32, back bool)
	// Size returns how many bytes a value takes, without what it points to.
	Size() int64
}

// gather gathers what the panes of a window make, which ends at a time and has nothing before the first pane of the key. not ok: they
// are not all the window's to the full, which a run has no way to say.
func (s *runs) gather(key int32, window, end int64) (ok bool) {
	for int(key) >= len(s.byKey) {
		s.byKey = append(s.byKey, keyRun{})
	}
	run := &s.byKey[key]
	if run.front == 0 {
		return s.renew(key, window, end)
	}
	for _, part := range s.r.store.List(key, run.through) {
		if part.Start >= end {
			break
		}
		if s.r.spec.partly(part, window) {
			s.drop(key)
			return false
		}
		s.r.cells.follow(key, part.Place, run.back)
		run.back = true
	}
	s.reached(run, end)
	s.r.cells.gatherRun(key, run.back)
	return true
}

// renew brings all panes of a window into front.
func (s *runs) renew(key int32, window, end int64) (ok bool) {
	parts := s.r.store.List(key, window)
	n := 0
	for n < len(parts) && parts[n].Start < end {
		if s.r.spec.partly(parts[n], window) {
			return false
		}
		n++
	}
	if first, _ := s.r.store.First(key); n == 0 || first != parts[0] {
		return false
	}
	for i := n - 1; i >= 0; i-- {
		s.r.cells.push(key, parts[i].Place)
	}
	s.r.store.Holds(int64(n) * s.r.cells.Size())
	run := &s.byKey[key]
	run.front = int32(n)
	s.reached(run, end)
	s.r.cells.gatherRun(key, false)
	return true
}

func (s *runs) reached(run *keyRun, end int64) {
	run.through = end
	s.through = max(s.through, end)
}

// changed says that a pane of a key was changed: a run that has it is dropped.
func (s *runs) changed(key int32, start int64) {
	if start < s.through && int(key) < len(s.byKey) && start < s.byKey[key].through {
		s.drop(key)
	}
}

// gone says that the first pane of a key was removed.
func (s *runs) gone(key int32) {
	if int(key) >= len(s.byKey) || s.byKey[key].front == 0 {
		return
	}
	run := &s.byKey[key]
	run.front--
	run.back = run.back && run.front > 0
	s.r.cells.pop(key)
	s.r.store.Holds(-s.r.cells.Size())
}

// leave drops the run of a key, if it has one.
func (s *runs) leave(key int32) {
	if int(key) < len(s.byKey) {
		s.drop(key)
	}
}

// drop drops the run of a key.
func (s *runs) drop(key int32) {
	for s.byKey[key].front > 0 {
		s.gone(key)
	}
}

// runValue is the values of a key's run.
type runValue[A any] struct {
	front []A // the first pane's is the last one
	back  A
}

func (c *windowCells[K, V, A]) push(key, place int32) {
	for int(key) >= len(c.runs) {
		c.runs = append(c.runs, runValue[A]{})
	}
	run := &c.runs[key]
	value := c.own(c.accs[place])
	if n := len(run.front); n > 0 {
		value = c.f.merge(value, run.front[n-1])
	}
	run.front = append(run.front, value)
}

func (c *windowCells[K, V, A]) pop(key int32) {
	var none A
	run := &c.runs[key]
	last := len(run.front) - 1
	run.front[last] = none
	if run.front = run.front[:last]; last == 0 {
		run.back = none
	}
}

func (c *windowCells[K, V, A]) follow(key, place int32, some bool) {
	run := &c.runs[key]
	if some {
		run.back = c.f.merge(run.back, c.accs[place])
	} else {
		run.back = c.own(c.accs[place])
	}
}

func (c *windowCells[K, V, A]) gatherRun(key int32, back bool) {
	run := &c.runs[key]
	c.gathered = c.own(run.front[len(run.front)-1])
	if back {
		c.gathered = c.f.merge(c.gathered, run.back)
	}
}

// own returns a value that may be merged into, since merge may reuse its first argument.
func (c *windowCells[K, V, A]) own(value A) A {
	if c.f.first == nil {
		return value
	}
	return c.f.merge(c.f.first(), value)
}
