package everywhere

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/connectors/memory"
)

// Test runs each graph at each of the places, and fails where a result differs.
func Test(t *testing.T, places ...Place) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			open := p.open(t)
			for _, e := range examples() {
				t.Run(e.name, func(t *testing.T) { gives(t, e, open(t)) })
			}
		})
	}
}

// Place is where topics are.
type Place struct {
	name string
	open func(t *testing.T) (one func(t *testing.T) place) // for all graphs, then for each
}

// Memory is the memory of the process.
func Memory() Place {
	return Place{"in memory", func(*testing.T) func(*testing.T) place {
		return func(*testing.T) place { return inMemory{memory.New()} }
	}}
}

// Files are JSON lines in a folder that the test removes.
func Files() Place {
	return Place{"on files", func(*testing.T) func(*testing.T) place {
		return func(t *testing.T) place { return &folder{t.TempDir()} }
	}}
}

// Embedded is a broker inside the process.
func Embedded() Place {
	return Place{"on the embedded broker", func(t *testing.T) func(*testing.T) place {
		broker, err := embedded.Start(embedded.Config{Logger: warnings(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := broker.Close(); err != nil {
				t.Error(err)
			}
		})
		return onBrokers(broker.Addrs())
	}}
}

// Kafka is a cluster, by addresses of its brokers; without any the graphs are skipped, for that reason.
func Kafka(addresses []string, without string) Place {
	return Place{"on Kafka", func(t *testing.T) func(*testing.T) place {
		if len(addresses) == 0 {
			t.Skip(without)
		}
		return onBrokers(addresses)
	}}
}

// onBrokers makes topics with names of their own, and removes them.
func onBrokers(addresses []string) func(*testing.T) place {
	return func(t *testing.T) place {
		k := &brokers{addresses, "everywhere-" + strings.ToLower(rand.Text()) + "-"}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := k.remove(ctx); err != nil {
				t.Errorf("topics and groups of the test may be left: %v", err)
			}
		})
		return k
	}
}

func gives(t *testing.T, e example, at place) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := run(ctx, e, at, warnings(t))
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, e.want) {
		t.Errorf("got %.1000v, want %.1000v", got, e.want)
	}
}

// warnings is a log that shows warnings and errors where the test does.
func warnings(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}
