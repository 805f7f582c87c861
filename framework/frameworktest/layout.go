package frameworktest

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/internal/driver"
)

// layout is the number of partitions of each topic and of tasks of each sub-topology.
type layout struct {
	partitions []int32
	tasks      []int32
}

const internal = driver.RoleRepartition | driver.RoleChangelog

// layOut counts partitions as the start of an application does, with the numbers of the configuration in the place of
// the brokers'. What the start would refuse is in the error.
func layOut(p *driver.Plan, c Config) (layout, error) {
	l := layout{make([]int32, len(p.Topics)), make([]int32, len(p.Subs))}
	known := map[string]bool{}
	for i, t := range p.Topics {
		if t.Role&internal != 0 {
			continue
		}
		known[t.Name] = true
		l.partitions[i] = int32(max(1, c.Partitions))
		if n, ok := c.PartitionsOf[t.Name]; ok {
			l.partitions[i] = int32(n)
		}
	}
	var faults []error
	for name, n := range c.PartitionsOf {
		if !known[name] {
			faults = append(faults, fmt.Errorf("Config.PartitionsOf names topic %q, which the topology does not use", name))
		} else if n < 1 {
			faults = append(faults, fmt.Errorf("Config.PartitionsOf gives topic %q %d partitions", name, n))
		}
	}
	for range p.Subs { // a chain of sub-topologies is at most that long
		for i, t := range p.Topics {
			if t.Role&internal != 0 {
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
		if t.Role&internal != 0 {
			l.partitions[i] = l.tasks[t.Like]
		}
	}
	return l, errors.Join(append(faults, l.check(p)...)...)
}

func (l layout) check(p *driver.Plan) (faults []error) {
	for s, sub := range p.Subs {
		for _, together := range sub.Together {
			first := together.Topics[0]
			for _, topic := range together.Topics[1:] {
				if l.partitions[topic] != l.partitions[first] {
					faults = append(faults, fmt.Errorf("%s: topics %s and %s come together by key and have %d and %d partitions",
						together.Operator, p.Topics[first].Name, p.Topics[topic].Name, l.partitions[first], l.partitions[topic]))
				}
			}
		}
		if sub.Unkeyed != "" && l.tasks[s] > 1 {
			faults = append(faults, fmt.Errorf("%s: it keeps state on a stream without key that is read from %d partitions", sub.Unkeyed, l.tasks[s]))
		}
	}
	return faults
}
