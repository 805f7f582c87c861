package frameworktest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// Each bug is found by the check that is there for it, which a connector without it passes.
func TestEachPlantedBugIsFoundByItsCheck(t *testing.T) {
	found := map[string]bool{}
	for _, plant := range plants() {
		found[plant.check] = true
		t.Run(plant.bug, func(t *testing.T) {
			t.Parallel()
			at := slices.IndexFunc(checks(), func(k check) bool { return k.name == plant.check })
			if at < 0 {
				t.Fatalf("there is no check %q", plant.check)
			}
			err := inMemory(plant.plant).try(t, checks()[at])
			if _, ok := err.(skipped); ok || err == nil {
				t.Fatalf("%q did not find it (%v)", plant.check, err)
			}
			t.Log(err)
		})
	}
	for _, k := range checks() {
		if !found[k.name] {
			t.Errorf("no planted bug shows that %q finds something", k.name)
		}
	}
}

// inMemory tries a broker in memory with a bug.
func inMemory(plant func(*planted)) Connector {
	return Connector{Patience: 300 * time.Millisecond, Open: func(testing.TB) Place {
		p := &planted{Broker: local.NewBroker("planted")}
		p.reopen = func() connector.Connector { return &planted{Broker: local.NewBroker("planted"), can: p.can} }
		plant(p)
		return Place{
			Connector: p, Put: p.Append,
			Source: func(name string, partitions int32) (string, error) {
				return name, p.Create(connector.TopicSpec{Name: name, Partitions: partitions})
			},
			Take: func(topic string) (all [][]connector.Record, err error) {
				for _, l := range p.Logs(topic) {
					records, _ := l.Snapshot().Read(make([]connector.Record, 0, 10_000), 0, 1<<30)
					all = append(all, records)
				}
				return all, nil
			},
			Reopen: p.reopen,
			Expel: func(w connector.Worker) error {
				p.Expel(w.(*plantedWorker).Worker)
				return nil
			},
		}
	}}
}

func TestAConnectorWithoutBugsPassesAllChecks(t *testing.T) {
	c := inMemory(func(*planted) {})
	c.Patience = 0
	Conformance(t, c)
}

func TestWhatAnAuthorLeavesOutIsSaid(t *testing.T) {
	c := inMemory(func(*planted) {})
	open := c.Open
	c.Open = func(tb testing.TB) Place {
		p := open(tb)
		p.Expel = nil
		return p
	}
	k := check{name: "x", needs: []Feature{Expelling}, run: func(*trial) error { return nil }}
	if err := c.try(t, k); err == nil || !strings.Contains(err.Error(), "expelling") {
		t.Errorf("got %v", err)
	}
	c.Without = map[Feature]string{Expelling: "nobody can"}
	if got := c.without(k); got != "without expelling: nobody can" {
		t.Errorf("got %q", got)
	}
}
