package job

import (
	"flag"
	"io"
	"strings"
	"testing"
)

func TestGuaranteeAndInstanceAreThoseOfTheFlagsAndElseOfTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, guarantee, instance string // the environment
		args                      string
		exactly                   bool
		as                        string
		fault                     string
	}{
		{name: "nothing is said"},
		{name: "by flags", args: "-exactly-once -instance a", exactly: true, as: "a"},
		{name: "by the environment", guarantee: "exactly-once", instance: "pod-0", exactly: true, as: "pod-0"},
		{name: "flags come first", guarantee: "exactly-once", instance: "pod-0", args: "-exactly-once=false", as: "pod-0"},
		{name: "the flag's instance comes first", guarantee: "exactly-once", instance: "pod-0", args: "-instance a", exactly: true, as: "a"},
		{name: "an instance of the environment without use", guarantee: "at-least-once", instance: "pod-0", as: "pod-0"},
		{name: "an instance without use", args: "-instance a", as: "a", fault: "-instance is for -exactly-once"},
		{name: "an unknown guarantee", guarantee: "twice", fault: `APP_GUARANTEE: "twice" is no guarantee`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("APP_GUARANTEE", c.guarantee)
			t.Setenv("APP_INSTANCE", c.instance)
			set := flag.NewFlagSet("job", flag.ContinueOnError)
			set.SetOutput(io.Discard)
			var f Flags
			given, err := f.Parse(set, strings.Fields(c.args), Usage{})
			faults := []error{err}
			if err == nil {
				faults = append(faults, f.Check(given, set.Args())...)
			}
			if said := message(faults); c.fault == "" && said != "" || !strings.Contains(said, c.fault) {
				t.Errorf("the fault is %q, want %q", said, c.fault)
			}
			if err == nil && (f.ExactlyOnce != c.exactly || f.Instance != c.as) {
				t.Errorf("exactly once %t as %q, want %t as %q", f.ExactlyOnce, f.Instance, c.exactly, c.as)
			}
		})
	}
}

func message(faults []error) (said string) {
	for _, err := range faults {
		if err != nil {
			said += err.Error()
		}
	}
	return said
}
