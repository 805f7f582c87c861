package engine

import "slices"

// Stage is the part of a task that is behind a buffer. It is a task of its own, fed by a queue in the place of a
// partition: the records' places are their numbers in the queue. Whoever drives the task may run it on another goroutine;
// the task in front and the stage meet only in the queue and, one after the other, in Finished and Finish.
type Stage struct {
	*Task
	Next     func() bool // processes the queue's next record; false: there is none
	Notify   func()      // is called when a record was put into the queue; nil: nobody wants to know
	Freed    func()      // is called when the queue was full and has room again; nil: nobody wants to know
	Draining func()      // is called when the stage is to drain once its queue is empty; nil: nobody wants to know

	failures []Failure // of records that somebody waits for; the stage's side
	holds    []Hold    // on records of the task in front that the stage is not done with, by number from first on; its side
	first    int64
	told     [Reasons]int64 // drops that Dropped returned
	finished int64          // what Finished returned; its side
}

// Failure is the error of a record of a stage's queue.
type Failure struct {
	Place int64
	Err   error
}

// AddStage returns a stage behind the task. What is opened next belongs to it.
func (t *Task) AddStage() *Stage {
	s := &Stage{Task: NewTask(0, t.Partition, t.operators)}
	s.ID, s.Of, s.behind = t.ID, t.Of, true
	s.AddInput(Input{Failed: s.note})
	s.inputs[0].behind = true
	t.stages = append(t.stages, s)
	return s
}

// Stages returns the stages directly behind the task.
func (t *Task) Stages() []*Stage { return t.stages }

// Behind says that the task is a stage's.
func (t *Task) Behind() bool { return t.behind }

// Take processes the queue's next record, as Task.Take does. receipt: somebody waits for it.
func (s *Stage) Take(of *Meta, receipt bool, handle func(m *Meta) error) {
	in := s.inputs[0]
	in.Receipts = receipt
	if err := s.Task.Take(0, of, handle); err != nil && receipt {
		in.Failed(in.current, err)
	}
}

// Reached processes a mark of the queue: up to there the task in front had that watermark.
func (s *Stage) Reached(watermark int64) {
	in := s.inputs[0]
	in.position++
	in.given = max(in.given, watermark)
	s.pause()
}

// Given says what watermark the task in front had when it put the record that is processed next.
func (s *Stage) Given(watermark int64) { s.inputs[0].given = max(s.inputs[0].given, watermark) }

func (s *Stage) note(place int64, err error) { s.failures = append(s.failures, Failure{place, err}) }

// Put notes that a record was put into the queue: the task in front holds it until the stage is done with it.
func (s *Stage) Put(h Hold) {
	s.holds = append(s.holds, h)
	if s.Notify != nil {
		s.Notify()
	}
}

// Empty says that the stage is done with all that was put into its queue. It is for the task in front.
func (s *Stage) Empty() bool { return len(s.holds) == 0 }

// Finished says up to which number the stage was done with the queue's records at its last flush, and which of them failed.
func (s *Stage) Finished() (below int64, failures []Failure) {
	if s.Closing() {
		return s.finished, nil // a mark of the watermark is done with when all is handed on that was due
	}
	below, _ = s.Committable(0)
	s.finished = below
	s.failures = slices.DeleteFunc(s.failures, func(f Failure) bool {
		if f.Place < below {
			failures = append(failures, f)
		}
		return f.Place < below
	})
	return below, failures
}

// Dropped returns the drops by reason since it was called last.
func (s *Stage) Dropped() (since [Reasons]int64) {
	for reason, n := range s.drops {
		since[reason] = n - s.told[reason]
	}
	s.told = s.drops
	return since
}

// Finish releases the holds of the records below the number.
func (s *Stage) Finish(below int64, failures []Failure) {
	n := below - s.first
	for i, h := range s.holds[:n] {
		var err error
		for _, f := range failures {
			if f.Place == s.first+int64(i) {
				err = JoinErrors(err, f.Err)
			}
		}
		h.Release(err)
	}
	clear(s.holds[:n])
	s.holds, s.first = s.holds[n:], below
}
