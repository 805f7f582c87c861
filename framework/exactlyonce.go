package framework

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
)

// checkGuarantee says what of the graph or the connector does not go with the guarantee.
func (t *Topology) checkGuarantee(g Guarantee, via connector.Connector) error {
	if g != ExactlyOnce || via == nil {
		return nil
	}
	can := via.Capabilities()
	if can.Atomic {
		return nil
	}
	if !can.Transactional {
		return fmt.Errorf("the connector %q cannot commit what is written and what was read as one: set Config.Guarantee to AtLeastOnce", via.Kind())
	}
	var faults []error
	for _, n := range t.nodes {
		switch n.kind {
		case "timed-window", "rate-limit", "loop":
			faults = append(faults, fmt.Errorf("%s keeps records for longer than a transaction may last, and readers would wait as long: with ExactlyOnce use windows and timers of event time, which keep them in a store, or set Config.Guarantee to AtLeastOnce", n))
		}
	}
	return errors.Join(faults...)
}
