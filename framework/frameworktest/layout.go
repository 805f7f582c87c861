package frameworktest

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/internal/driver"
)

// layOut counts partitions as the start of an application does, with the numbers of the configuration in the place of
// the brokers'. What the start would refuse is in the error.
func layOut(p *driver.Plan, c Config) (*driver.Layout, error) {
	partitions := make([]int32, len(p.Topics))
	known := map[string]bool{}
	for i, t := range p.Topics {
		if t.Spec.Role.Internal() {
			continue
		}
		known[t.Name] = true
		partitions[i] = int32(max(1, c.Partitions))
		if n, ok := c.PartitionsOf[t.Name]; ok {
			partitions[i] = int32(n)
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
	l, err := driver.LayOut(p, partitions)
	return l, errors.Join(append(faults, err)...)
}
