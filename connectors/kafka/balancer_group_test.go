package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Three clients join one after the other and one leaves; all the while the topics of a join stay together, and no
// partition is fetched by two.
func TestThreeClientsShareTheTasksOfAJoin(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, "orders"), kfake.SeedTopics(4, "payments"), kfake.SeedTopics(5, "clicks"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	groups := [][]string{{"orders", "payments"}, {"clicks"}}
	g := groupOwners{owners: map[string]string{}}
	clients := map[string]*kgo.Client{}
	for _, name := range []string{"a", "b", "c"} {
		clients[name] = g.join(t, cluster.ListenAddrs(), name, groups)
		defer clients[name].CloseAllowingRebalance()
		g.wantSpread(t, len(clients))
	}
	clients["b"].CloseAllowingRebalance()
	g.wantSpread(t, 2)
	if g.fault != "" {
		t.Fatal(g.fault)
	}
}

// groupOwners is what the clients say that they own.
type groupOwners struct {
	mu      sync.Mutex // guards the rest
	owners  map[string]string
	fault   string
	changed chan struct{}
}

func (g *groupOwners) join(t *testing.T, addrs []string, name string, groups [][]string) *kgo.Client {
	t.Helper()
	lose := func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { g.change(name, "", gone) }
	c, err := kgo.NewClient(
		kgo.SeedBrokers(addrs...), kgo.ConsumerGroup("g"), kgo.ConsumeTopics(slices.Concat(groups...)...),
		kgo.Balancers(newBalancer(groups, name, 1, 1)), kgo.HeartbeatInterval(20*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) { g.change("", name, added) }),
		kgo.OnPartitionsRevoked(lose), kgo.OnPartitionsLost(lose),
	)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (g *groupOwners) change(from, to string, partitions map[string][]int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for topic, ps := range partitions {
		for _, p := range ps {
			key := fmt.Sprintf("%s/%d", topic, p)
			if owner := g.owners[key]; owner != from {
				g.fault = fmt.Sprintf("%s goes from %q to %q while %q owns it", key, from, to, owner)
			}
			if g.owners[key] = to; to == "" {
				delete(g.owners, key)
			}
		}
	}
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// wantSpread waits until all partitions have one of n owners, no task is split and none of the owners has two tasks more than another.
func (g *groupOwners) wantSpread(t *testing.T, n int) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		g.mu.Lock()
		tasks := map[string]int{}
		for p := range 6 {
			tasks[g.owners[fmt.Sprint("orders/", p)]]++
		}
		for p := range 5 {
			tasks[g.owners[fmt.Sprint("clicks/", p)]]++
		}
		split := false
		for p := range 4 {
			split = split || g.owners[fmt.Sprint("orders/", p)] != g.owners[fmt.Sprint("payments/", p)]
		}
		counts := slices.Sorted(maps.Values(tasks))
		done := len(g.owners) == 6+4+5 && len(tasks) == n && counts[n-1]-counts[0] <= 1 && !split
		if g.changed == nil {
			g.changed = make(chan struct{})
		}
		changed, owners := g.changed, fmt.Sprint(g.owners)
		g.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%d clients do not share the tasks: %s", n, owners)
		}
	}
}
