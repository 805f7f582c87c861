package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// readerOf is a worker of an application that reads some of the topics, each on its own.
func readerOf(process string, topics []string, read ...string) connector.WorkerConfig {
	c := config(topics...)
	c.Process, c.Sources, c.Groups = process, nil, nil
	for _, name := range read {
		at := int32(slices.Index(topics, name))
		c.Sources = append(c.Sources, connector.Source{Topic: at})
		c.Groups = append(c.Groups, []int32{at})
	}
	return c
}

// Today's copy of yesterday's program, whose name nobody changed: without a word it would wait for ever.
func TestAnotherApplicationUnderTheSameNameIsRefusedOnBothSides(t *testing.T) {
	topics := []string{"orders", "clicks", "app-counts-repartition"}
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, topics...))
	said := &lines{}
	c := readerOf("p", topics, "orders", "app-counts-repartition")
	c.Logger = said.logger()
	first := f.open(c)
	first.until("its partitions", first.owns(4))
	second := f.open(readerOf("q", topics, "clicks", "app-counts-repartition"))
	second.try("an error", func() bool { first.poll(); return false })
	want := "another application runs under the name app: it reads orders, this one reads clicks; give one of them another name, or, where this is its next version, stop the former one first"
	if second.err == nil || second.err.Error() != want {
		t.Errorf("the second one ended with %v", second.err)
	}
	if len(second.assigned) > 0 {
		t.Errorf("the second one got %v", second.assigned)
	}
	second.Close(t.Context())
	f.produce("orders", 1, "a")
	first.until("its next record", first.has(at(0, 1), 1))
	if len(first.assigned) != 4 || first.lost > 0 {
		t.Errorf("the first one has %v and lost %d", first.assigned, first.lost)
	}
	line := said.String()
	for _, what := range []string{"level=WARN", "another application joined the group under the same name", "group=app", `"it reads"=clicks`, `"this one reads"=orders`} {
		if !strings.Contains(line, what) {
			t.Errorf("%q is not in the log of the first one: %s", what, line)
		}
	}
}

// A rolling upgrade may add a source and drop another, one after the other.
func TestVersionsOfAnApplicationThatShareASourceWorkTogether(t *testing.T) {
	topics := []string{"a", "b", "c"}
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, topics...))
	one := f.open(readerOf("p", topics, "a"))
	one.until("its partitions", one.owns(2))
	two := f.open(readerOf("q", topics, "a", "b"))
	two.try("a share", func() bool { one.poll(); return len(one.assigned) > 0 && len(two.assigned) > 0 && one.err == nil })
	three := f.open(readerOf("r", topics, "b", "c")) // the leader does not know its topics: it waits until that one has gone
	one.Close(t.Context())
	two.try("what one had", func() bool { three.poll(); return three.err != nil || len(two.assigned)+len(three.assigned) >= 4 })
	for name, m := range map[string]*polled{"two": two, "three": three} {
		if m.err != nil {
			t.Errorf("version %s ended with %v", name, m.err)
		}
	}
}

// The leader may be the stranger: where the others have partitions, they keep them, and it refuses itself.
func TestALeaderOfAnotherApplicationRefusesItself(t *testing.T) {
	of := func(reads ...string) *balancer {
		b := newBalancer([][]string{reads}, strings.Join(reads, "+"), 1, 1).(*balancer)
		b.application, b.logger = "app", slog.New(slog.DiscardHandler)
		return b
	}
	member := func(b *balancer, owned map[string][]int32) kmsg.JoinGroupResponseMember {
		topics := slices.Clone(b.groups[0])
		return kmsg.JoinGroupResponseMember{MemberID: b.own.process, ProtocolMetadata: b.JoinGroupMetadata(topics, owned, 1)}
	}
	for _, c := range []struct {
		name    string
		leader  string
		owned   map[string][]int32 // by the reader of orders
		refused string
	}{
		{"the leader is the stranger", "clicks", map[string][]int32{"orders": {0, 1}}, "clicks"},
		{"the leader has the group", "orders", map[string][]int32{"orders": {0, 1}}, "clicks"},
		{"nobody has anything", "clicks", nil, "orders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			orders, clicks := of("orders"), of("clicks")
			told := map[string][]string{}
			for name, b := range map[string]*balancer{"orders": orders, "clicks": clicks} {
				b.refused = func(theirs []string) { told[name] = theirs }
			}
			leader := map[string]*balancer{"orders": orders, "clicks": clicks}[c.leader]
			mb, _, err := leader.MemberBalancer([]kmsg.JoinGroupResponseMember{member(orders, c.owned), member(clicks, nil)})
			if err != nil {
				t.Fatal(err)
			}
			plan, err := mb.(kgo.GroupMemberBalancerOrError).BalanceOrError(map[string]int32{"orders": 2, "clicks": 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range plan.IntoSyncAssignment() {
				b := map[string]*balancer{"orders": orders, "clicks": clicks}[a.MemberID]
				got, err := b.ParseSyncAssignment(a.MemberAssignment)
				if err != nil {
					t.Fatal(err)
				}
				if want := a.MemberID != c.refused; want != (len(got) > 0) {
					t.Errorf("%s got %v", a.MemberID, got)
				}
			}
			stays := map[string]string{"orders": "clicks", "clicks": "orders"}[c.refused]
			if want := map[string][]string{c.refused: {stays}}; fmt.Sprint(told) != fmt.Sprint(want) {
				t.Errorf("refused were %v, want %v", told, want)
			}
		})
	}
}

func TestAProgramWithAnotherProtocolIsNamed(t *testing.T) {
	f := broker(t, "in")
	other := f.dial(kgo.ConsumerGroup("app"), kgo.ConsumeTopics("in"), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(20e6))
	f.produce("in", 0, "a")
	if err := other.PollFetches(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	defer other.LeaveGroupContext(context.Background())
	err := f.open(config("in")).failed()
	for _, what := range []string{"INCONSISTENT_GROUP_PROTOCOL", "group app", "another program uses the group", "use another application name, or stop that one"} {
		if !strings.Contains(err.Error(), what) {
			t.Errorf("%q is not in %v", what, err)
		}
	}
}
