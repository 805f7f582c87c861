package framework_test

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// Behind an automatic repartition keys are parts of the fetched record until an operator hands on those of its store.
func TestOperatorsWithStateHandOnKeysThatMayBeKept(t *testing.T) {
	for name, op := range map[string]func(s stream) stream{
		"scan":           func(s stream) stream { return s.Scan("totals", 0, add) },
		"sliding":        func(s stream) stream { return s.Sliding("last", 1, sum) },
		"combine-latest": func(s stream) stream { return s.CombineLatest("both", s.Map(double), tens) },
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			d := frameworktest.New(t, func(t *framework.Topology) {
				op(t.From(numbers).KeyBy(parity)).Process("", func(_ *framework.Op, next emit) emit {
					return func(m *framework.Meta, k string, n int) error {
						seen[k] = true
						return next(m, k, n)
					}
				}).To(results)
			})
			pipeText(d, "in", "a=1@10 a=2@20 a=3@30")
			if len(seen) != 2 || !seen["odd"] || !seen["even"] {
				t.Errorf("the keys are %v now", seen)
			}
		})
	}
}
