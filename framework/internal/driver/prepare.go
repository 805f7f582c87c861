package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

// maxUpstream is the number of upstream tasks whose times fit into the metadata of a commit.
const maxUpstream = 512

// Layout is what the topics' partitions add to a plan.
type Layout struct {
	Partitions []int32 // of each topic
	Tasks      []int32 // of each sub-topology
}

// prepare checks the topics against the plan, and returns the layout and the topics that are the application's to create. All that is
// wrong is in one error.
func prepare(ctx context.Context, admin connector.Admin, p *Plan, replication int16) (*Layout, []connector.TopicSpec, error) {
	specs := make([]connector.TopicSpec, len(p.Topics))
	for i, t := range p.Topics {
		specs[i] = t.Spec
	}
	infos, err := admin.Topics(ctx, specs)
	if err != nil {
		return nil, nil, err
	}
	partitions := make([]int32, len(p.Topics))
	var faults []error
	var create []connector.TopicSpec
	for i, t := range p.Topics {
		partitions[i] = infos[i].Partitions
		if t.Spec.Role.Internal() || infos[i].Partitions > 0 {
			continue
		}
		if t.Spec.Partitions == 0 && t.Like >= 0 {
			continue // dead letters: the layout says how many
		}
		if t.Spec.Partitions == 0 {
			faults = append(faults, fmt.Errorf("topic %s does not exist: create it, or give it a number of partitions, with kafka.Partitions(n), so that the application does", t.Name))
			continue
		}
		create = append(create, t.Spec)
		partitions[i] = t.Spec.Partitions
	}
	if len(faults) > 0 {
		return nil, nil, errors.Join(faults...)
	}
	l, err := LayOut(p, partitions)
	for i, t := range p.Topics {
		if t.Like < 0 {
			continue
		}
		want := l.Partitions[i]
		if have := infos[i].Partitions; have == 0 {
			spec := t.Spec
			spec.Partitions, spec.Replication = want, replication
			create = append(create, spec)
		} else if have != want {
			faults = append(faults, fmt.Errorf("internal topic %s has %d partitions and the graph needs %d: the partitions of a source, or the number that is set for repartitions, changed; change it back, use another application name, or delete the application's internal topics and committed offsets to begin anew", t.Name, have, want))
		}
	}
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, nil, err
	}
	return l, create, nil
}

// LayOut finds the number of tasks of each sub-topology and of partitions of each internal topic, which follow from the
// partitions of the topics that are read. What the graph asks of its topics and they do not have is in the error.
func LayOut(p *Plan, partitions []int32) (*Layout, error) {
	l := &Layout{slices.Clone(partitions), make([]int32, len(p.Subs))}
	for i, t := range p.Topics {
		if t.Spec.Role.Internal() {
			l.Partitions[i] = 0
		}
	}
	for range len(p.Subs) + 1 { // a chain of sub-topologies is at most that long
		for i, t := range p.Topics {
			switch {
			case t.Spec.Role&connector.RoleRepartition != 0 && t.Partitions > 0:
				l.Partitions[i] = t.Partitions
			case t.Spec.Role&connector.RoleRepartition != 0 && p.Repartitions > 0:
				l.Partitions[i] = p.Repartitions
			case t.Spec.Role.Internal():
				l.Partitions[i] = l.Tasks[t.Like]
			}
		}
		for s, sub := range p.Subs {
			for _, topic := range sub.Sources {
				l.Tasks[s] = max(l.Tasks[s], l.Partitions[topic])
			}
		}
	}
	for i, t := range p.Topics {
		if l.Partitions[i] == 0 && t.Like >= 0 { // dead letters, of a topic that is to be created
			l.Partitions[i] = l.Tasks[t.Like]
		}
	}
	return l, errors.Join(l.check(p)...)
}

// check finds what the graph asks of its topics and they do not have.
func (l *Layout) check(p *Plan) (faults []error) {
	for s, sub := range p.Subs {
		for _, together := range sub.Together {
			first := together.Topics[0]
			for _, topic := range together.Topics[1:] {
				if l.Partitions[topic] != l.Partitions[first] {
					faults = append(faults, fmt.Errorf("%s: topics %s and %s come together by key and have %d and %d partitions: give them the same number, or put Repartition(name) before it",
						together.Operator, p.Topics[first].Name, p.Topics[topic].Name, l.Partitions[first], l.Partitions[topic]))
				}
			}
		}
		if sub.Unkeyed != "" && l.Tasks[s] > 1 {
			faults = append(faults, fmt.Errorf("%s: it keeps state on a stream without key that is read from %d partitions, so that its results would depend on their number: key the stream, or read a topic of one partition", sub.Unkeyed, l.Tasks[s]))
		}
		for _, topic := range sub.Sources {
			if p.Topics[topic].Spec.Role&connector.RoleRepartition != 0 && l.Tasks[p.Topics[topic].Like] > maxUpstream {
				faults = append(faults, fmt.Errorf("topic %s is written by %d tasks, at most %d are possible: their times must fit into the metadata of one commit", p.Topics[topic].Name, l.Tasks[p.Topics[topic].Like], maxUpstream))
			}
		}
	}
	return faults
}
