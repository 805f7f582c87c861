package driver

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
)

// maxUpstream is the number of upstream tasks whose times fit into the metadata of a commit.
const maxUpstream = 512

// layout is what the brokers add to a plan.
type layout struct {
	partitions []int32 // of each topic
	tasks      []int32 // of each sub-topology
}

// prepare checks the topics against the plan, creates those that are the application's to create, and returns the
// layout. All that is wrong is in one error.
func prepare(ctx context.Context, admin connector.Admin, p *Plan, replication int16) (*layout, error) {
	names := make([]string, len(p.Topics))
	for i, t := range p.Topics {
		names[i] = t.Name
	}
	infos, err := admin.Topics(ctx, names)
	if err != nil {
		return nil, err
	}
	l := &layout{partitions: make([]int32, len(p.Topics)), tasks: make([]int32, len(p.Subs))}
	var faults []error
	var create []connector.TopicSpec
	for i, t := range p.Topics {
		l.partitions[i] = infos[i].Partitions
		if t.Role&(RoleRepartition|RoleChangelog) != 0 || infos[i].Partitions > 0 {
			continue
		}
		if t.Spec.Partitions == 0 {
			faults = append(faults, fmt.Errorf("topic %s does not exist: create it, or give it a number of partitions so that the application does", t.Name))
			continue
		}
		create = append(create, t.Spec)
		l.partitions[i] = t.Spec.Partitions
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	internal, faults := l.resolve(p, infos)
	for i := range internal {
		internal[i].Replication = replication
	}
	faults = append(faults, l.check(p)...)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return l, admin.Create(ctx, append(create, internal...))
}

// resolve finds the number of tasks of each sub-topology and of partitions of each internal topic, which follow from
// those of the topics that it reads. It returns the internal topics to create.
func (l *layout) resolve(p *Plan, infos []connector.TopicInfo) (create []connector.TopicSpec, faults []error) {
	for range p.Subs { // a chain of sub-topologies is at most that long
		for i, t := range p.Topics {
			if t.Role&RoleRepartition != 0 && l.tasks[t.Like] > 0 {
				l.partitions[i] = l.tasks[t.Like]
			}
		}
		for s, sub := range p.Subs {
			for _, topic := range sub.Sources {
				l.tasks[s] = max(l.tasks[s], l.partitions[topic])
			}
		}
	}
	for i, t := range p.Topics {
		if t.Role&(RoleRepartition|RoleChangelog) == 0 {
			continue
		}
		want := l.tasks[t.Like]
		l.partitions[i] = want
		if have := infos[i].Partitions; have == 0 {
			spec := t.Spec
			spec.Partitions = want
			create = append(create, spec)
		} else if have != want {
			faults = append(faults, fmt.Errorf("internal topic %s has %d partitions and the graph needs %d: the partitions of a source changed; use another application name, or delete the application's internal topics and committed offsets to begin anew", t.Name, have, want))
		}
	}
	return create, faults
}

// check finds what the graph asks of its topics and they do not have.
func (l *layout) check(p *Plan) (faults []error) {
	for s, sub := range p.Subs {
		for _, together := range sub.Together {
			first := together.Topics[0]
			for _, topic := range together.Topics[1:] {
				if l.partitions[topic] != l.partitions[first] {
					faults = append(faults, fmt.Errorf("%s: topics %s and %s come together by key and have %d and %d partitions: give them the same number, or put Repartition(name) before it",
						together.Operator, p.Topics[first].Name, p.Topics[topic].Name, l.partitions[first], l.partitions[topic]))
				}
			}
		}
		if sub.Unkeyed != "" && l.tasks[s] > 1 {
			faults = append(faults, fmt.Errorf("%s: it keeps state on a stream without key that is read from %d partitions, so that its results would depend on their number: key the stream, or read a topic of one partition", sub.Unkeyed, l.tasks[s]))
		}
		for _, topic := range sub.Sources {
			if p.Topics[topic].Role&RoleRepartition != 0 && l.tasks[p.Topics[topic].Like] > maxUpstream {
				faults = append(faults, fmt.Errorf("topic %s is written by %d tasks, at most %d are possible: their times must fit into the metadata of one commit", p.Topics[topic].Name, l.tasks[p.Topics[topic].Like], maxUpstream))
			}
		}
	}
	return faults
}
