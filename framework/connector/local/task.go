package local

import "github.com/millrace/millrace/framework/connector"

// task is partition p of all topics of a sub-topology.
type task struct {
	sub       int
	partition int32

	holder *Member // nil: nobody
	stage  stage
	// target is who gets it next. Invariant: it is the holder unless stage is revoking or leaving, or nobody can have it.
	target *Member
}

// stage is how far a task has come at its holder.
type stage int8

const (
	given    stage = iota // the holder was not told yet: it can be taken away without a word
	held                  // told
	revoking              // to be let go, the holder was not told yet
	leaving               // the holder was told and is letting go
)

func newTasks(counts [][]int32) (tasks []*task) {
	for sub, topics := range counts {
		most := int32(0)
		for _, n := range topics {
			most = max(most, n)
		}
		for p := range most {
			tasks = append(tasks, &task{sub: sub, partition: p})
		}
	}
	return tasks
}

// move sends the task towards a member and returns who has to hear of it.
func (t *task) move(target *Member) *Member {
	t.target = target
	switch {
	case t.holder == nil || t.stage == given && t.holder != target:
		t.holder, t.stage = target, given
		return target
	case t.stage == revoking && t.holder == target:
		t.stage = held
	case t.stage == held && t.holder != target:
		t.stage = revoking
		return t.holder
	}
	return nil
}

// free takes the task from its holder.
func (t *task) free() { t.holder, t.stage = nil, given }

// committable says whether the member may commit positions of the task.
func (t *task) committable(m *Member) bool { return t.holder == m && t.stage != given }

// partitions returns those of a task, by the member's indexes of topics.
func (m *Member) partitions(t *task) (ps []connector.Partition) {
	for _, topic := range m.host.Config.Groups[t.sub] {
		if t.partition < m.host.Partitions[topic] {
			ps = append(ps, connector.Partition{Topic: topic, Partition: t.partition})
		}
	}
	return ps
}
