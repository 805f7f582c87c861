package kafka

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The topics of three sub-topologies: a join of topics with unequal numbers of partitions, one topic, a join.
var (
	simGroups     = [][]string{{"orders", "payments"}, {"clicks"}, {"left", "right"}}
	simPartitions = map[string]int32{"orders": 6, "payments": 4, "clicks": 7, "left": 5, "right": 5}
)

func TestRandomJoinsAndLeavesKeepEveryTaskWholeOwnedAndBalanced(t *testing.T) {
	for seed := range uint64(60) {
		s := newSim(seed, func(process string) kgo.GroupBalancer { return newBalancer(simGroups, process, 1, 1) })
		for step := range 50 {
			s.change()
			if fault := s.settle(); fault != "" {
				t.Fatalf("seed %d, step %d: %s", seed, step, fault)
			}
		}
	}
}

// The checks of the test above are worth something if they find what is wrong with the balancers that there are.
func TestABalancerOfPartitionsSplitsTasks(t *testing.T) {
	s := newSim(1, func(string) kgo.GroupBalancer { return kgo.CooperativeStickyBalancer() })
	for range 50 {
		s.change()
		if fault := s.settle(); strings.Contains(fault, "split") {
			return
		}
	}
	t.Fatal("the checks do not find a split task")
}

// A balancer that does not withhold what another member still owns.
type hasty struct{ kgo.GroupBalancer }

func (h hasty) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	for i := range members {
		var meta kmsg.ConsumerMemberMetadata
		if err := meta.ReadFrom(members[i].ProtocolMetadata); err != nil {
			return nil, nil, err
		}
		meta.OwnedPartitions = nil
		members[i].ProtocolMetadata = meta.AppendTo(nil)
	}
	return h.GroupBalancer.MemberBalancer(members)
}

func TestABalancerThatForgetsOwnersIsFoundOut(t *testing.T) {
	s := newSim(1, func(process string) kgo.GroupBalancer { return hasty{newBalancer(simGroups, process, 1, 1)} })
	for range 50 {
		s.change()
		if fault := s.settle(); strings.Contains(fault, "owns") {
			return
		}
	}
	t.Fatal("the checks do not find a partition with two owners")
}

func TestTheSameMembersInAnotherOrderGetTheSameAssignment(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	s := newSim(1, func(process string) kgo.GroupBalancer { return newBalancer(simGroups, process, 1, 1) })
	for range 30 {
		s.change()
		members := s.join()
		want := s.balance(members)
		for range 5 {
			r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			if got := s.balance(members); !maps.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("in another order:\n%v\nwant:\n%v", got, want)
			}
		}
		s.settle()
	}
}

func TestTheMetadataOfAMemberDependsOnWhatItOwnsAlone(t *testing.T) {
	b := newBalancer(simGroups, "p", 1, 1)
	owned := func() map[string][]int32 {
		return map[string][]int32{"orders": {1, 2}, "payments": {1, 2}, "clicks": {0}, "left": {3}, "right": {3}}
	}
	want := b.JoinGroupMetadata([]string{"clicks", "orders"}, owned(), 3)
	for range 20 {
		if got := b.JoinGroupMetadata([]string{"clicks", "orders"}, owned(), 3); string(got) != string(want) {
			t.Fatal("the same member sends other metadata: the group would rebalance for nothing")
		}
	}
}

func TestAnyToolReadsWhatAMemberOwns(t *testing.T) {
	b := newBalancer(simGroups, "p", 1, 1)
	var meta kmsg.ConsumerMemberMetadata
	if err := meta.ReadFrom(b.JoinGroupMetadata([]string{"clicks"}, map[string][]int32{"clicks": {0, 4}}, 9)); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(meta.Topics, meta.Generation, " ", meta.OwnedPartitions[0].Topic, " ", meta.OwnedPartitions[0].Partitions)
	if want := "[clicks] 9 clicks [0 4]"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestAMemberWithUnreadableDataCountsAsAProcessAndKeepsWhatItOwns(t *testing.T) {
	for name, data := range map[string][]byte{
		"none":          nil,
		"no version":    {0, 1, 2, 3},
		"cut off":       {1, 200, 1},
		"of nobody":     []byte("StickyMemberMetadata"),
		"a lot of lags": {1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 9, 255, 255, 255, 255, 255, 255, 255, 255, 1},
	} {
		t.Run(name, func(t *testing.T) {
			groups := [][]string{{"clicks"}}
			odd := kmsg.NewConsumerMemberMetadata()
			odd.Version, odd.Topics, odd.Generation, odd.UserData = 2, []string{"clicks"}, 5, data
			odd.OwnedPartitions = []kmsg.ConsumerMemberMetadataOwnedPartition{{Topic: "clicks", Partitions: []int32{2, 3}}}
			members := []kmsg.JoinGroupResponseMember{
				{MemberID: "odd", ProtocolMetadata: odd.AppendTo(nil)},
				{MemberID: "ours", ProtocolMetadata: newBalancer(groups, "p", 1, 1).JoinGroupMetadata([]string{"clicks"}, nil, -1)},
			}
			got := fmt.Sprint(assigned(t, groups, members, map[string]int32{"clicks": 4}))
			if want := "map[odd:map[clicks:[2 3]] ours:map[clicks:[0 1]]]"; got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		})
	}
}

func TestAMemberThatIsNotOursGetsNothingAndKeepsNobodyFromWork(t *testing.T) {
	groups := [][]string{{"clicks"}}
	members := []kmsg.JoinGroupResponseMember{
		{MemberID: "alien", ProtocolMetadata: []byte{0}},
		{MemberID: "ours", ProtocolMetadata: newBalancer(groups, "p", 1, 1).JoinGroupMetadata([]string{"clicks"}, nil, -1)},
	}
	got := fmt.Sprint(assigned(t, groups, members, map[string]int32{"clicks": 2}))
	if want := "map[alien:map[] ours:map[clicks:[0 1]]]"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func TestTopicsThatTheLeaderDoesNotKnowStayUnassigned(t *testing.T) {
	groups := [][]string{{"clicks"}}
	newer := newBalancer([][]string{{"clicks"}, {"left", "right"}}, "new", 2, 1)
	members := []kmsg.JoinGroupResponseMember{
		{MemberID: "new", ProtocolMetadata: newer.JoinGroupMetadata([]string{"clicks", "left", "right"}, nil, -1)},
		{MemberID: "old", ProtocolMetadata: newBalancer(groups, "old", 1, 1).JoinGroupMetadata([]string{"clicks"}, nil, -1)},
	}
	got := fmt.Sprint(assigned(t, groups, members, simPartitions))
	if want := "map[new:map[clicks:[0 1 2 3]] old:map[clicks:[4 5 6]]]"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// assigned returns by member id what the leader assigns.
func assigned(t *testing.T, groups [][]string, members []kmsg.JoinGroupResponseMember, partitions map[string]int32) map[string]map[string][]int32 {
	t.Helper()
	b := newBalancer(groups, "leader", 1, 1).(*balancer)
	b.logger = slog.New(slog.DiscardHandler)
	leader, _, err := b.MemberBalancer(members)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := leader.(kgo.GroupMemberBalancerOrError).BalanceOrError(partitions)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string][]int32{}
	for _, a := range plan.IntoSyncAssignment() {
		if out[a.MemberID], err = kgo.ParseConsumerSyncAssignment(a.MemberAssignment); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// sim is a group whose members join, revoke and join again as the client does it, without a broker.
type sim struct {
	r          *rand.Rand
	balancer   func(process string) kgo.GroupBalancer
	members    []*simMember
	generation int32
	ids        int
}

type simMember struct {
	id, process string
	balancer    kgo.GroupBalancer
	owned       map[string][]int32
	generation  int32
}

func newSim(seed uint64, balancer func(process string) kgo.GroupBalancer) *sim {
	return &sim{r: rand.New(rand.NewPCG(seed, 0)), balancer: balancer}
}

// change lets processes with 1 to 3 workers start and stop, and single workers be lost and come back as others.
func (s *sim) change() {
	start := func(process string, workers int) {
		for range workers {
			s.ids++
			// Not in the order of joining, as with a broker.
			id := fmt.Sprintf("%x-%d", s.r.Uint32(), s.ids)
			s.members = append(s.members, &simMember{id: id, process: process, balancer: s.balancer(process), generation: -1})
		}
	}
	for range 1 + s.r.IntN(2) {
		switch n := s.r.IntN(3); {
		case len(s.members) == 0 || n == 0 && len(s.members) < 12:
			s.ids++
			start(fmt.Sprint("p", s.ids), 1+s.r.IntN(3))
		case n == 1 && len(s.members) > 1:
			gone := s.members[s.r.IntN(len(s.members))].process
			if rest := slices.DeleteFunc(slices.Clone(s.members), func(m *simMember) bool { return m.process == gone }); len(rest) > 0 {
				s.members = rest
			}
		default:
			i := s.r.IntN(len(s.members))
			process := s.members[i].process
			s.members = slices.Delete(s.members, i, i+1)
			start(process, 1)
		}
	}
}

func (s *sim) join() []kmsg.JoinGroupResponseMember {
	topics := slices.Sorted(maps.Keys(simPartitions))
	var out []kmsg.JoinGroupResponseMember
	for _, m := range s.members {
		owned := map[string][]int32{}
		for t, ps := range m.owned {
			owned[t] = slices.Clone(ps)
		}
		out = append(out, kmsg.JoinGroupResponseMember{MemberID: m.id, ProtocolMetadata: m.balancer.JoinGroupMetadata(slices.Clone(topics), owned, m.generation)})
	}
	slices.SortFunc(out, func(a, b kmsg.JoinGroupResponseMember) int { return strings.Compare(a.MemberID, b.MemberID) })
	return out
}

func (s *sim) balance(members []kmsg.JoinGroupResponseMember) map[string][]byte {
	leader, _, err := s.members[0].balancer.MemberBalancer(members)
	if err != nil {
		panic(err)
	}
	plan, err := leader.(kgo.GroupMemberBalancerOrError).BalanceOrError(simPartitions)
	if err != nil {
		panic(err)
	}
	out := map[string][]byte{}
	for _, a := range plan.IntoSyncAssignment() {
		out[a.MemberID] = a.MemberAssignment
	}
	return out
}

// settle rebalances until nobody revokes any more, and says what is wrong.
func (s *sim) settle() string {
	before := s.owners()
	leastMoves, leastLeave := s.needed()
	for round := 0; ; round++ {
		if round > 1 {
			return "a third round is needed"
		}
		owners := s.owners()
		syncs := s.balance(s.join())
		s.generation++
		revoked := false
		for _, m := range s.members {
			now, err := m.balancer.ParseSyncAssignment(syncs[m.id])
			if err != nil {
				panic(err)
			}
			for topic, ps := range now {
				for _, p := range ps {
					if owner := owners[simPartition{topic, p}]; owner != nil && owner != m {
						return fmt.Sprintf("%s gets %s/%d while %s owns it", m.id, topic, p, owner.id)
					}
				}
			}
			for topic, ps := range m.owned {
				for _, p := range ps {
					revoked = revoked || !slices.Contains(now[topic], p)
				}
			}
			m.owned, m.generation = now, s.generation
		}
		if fault := s.split(); fault != "" {
			return fault
		}
		if !revoked {
			break
		}
	}
	if fault := s.balanced(); fault != "" {
		return fault
	}
	if moves, leave := s.moves(before, s.owners()); moves != leastMoves || leave != leastLeave {
		return fmt.Sprintf("%d tasks moved, %d out of their process; %d and %d had to", moves, leave, leastMoves, leastLeave)
	}
	return ""
}

type simPartition struct {
	topic     string
	partition int32
}

func (s *sim) owners() map[simPartition]*simMember {
	out := map[simPartition]*simMember{}
	for _, m := range s.members {
		for topic, ps := range m.owned {
			for _, p := range ps {
				out[simPartition{topic, p}] = m
			}
		}
	}
	return out
}

// isTask says whether the partition stands for its task: it is one of the topic with the most partitions.
func (s *sim) isTask(p simPartition) bool {
	return slices.Contains([]string{"orders", "clicks", "left"}, p.topic)
}

func (s *sim) split() string {
	owners := s.owners()
	for _, topics := range simGroups {
		for p := range simPartitions[topics[0]] {
			for _, topic := range topics[1:] {
				a, b := owners[simPartition{topics[0], p}], owners[simPartition{topic, p}]
				if p < simPartitions[topic] && a != b {
					return fmt.Sprintf("partition %d of %v is split", p, topics)
				}
			}
		}
	}
	return ""
}

// balanced checks that every task has an owner, and that counts differ by one at most: of members in all and by group, and of
// processes, which have 1 to 3 members, from their share.
func (s *sim) balanced() string {
	total, inProcess, workers := map[*simMember]int{}, map[string]int{}, map[string]int{}
	byGroup := map[string]map[*simMember]int{"orders": {}, "clicks": {}, "left": {}}
	tasks := 0
	for p, owner := range s.owners() {
		if s.isTask(p) {
			tasks++
			total[owner]++
			inProcess[owner.process]++
			byGroup[p.topic][owner]++
		}
	}
	if want := 6 + 7 + 5; tasks != want {
		return fmt.Sprintf("%d of %d tasks have an owner", tasks, want)
	}
	spread := func(counts map[*simMember]int) int {
		least, most := tasks, 0
		for _, m := range s.members {
			least, most = min(least, counts[m]), max(most, counts[m])
		}
		return most - least
	}
	for topic, counts := range byGroup {
		if spread(counts) > 1 {
			return fmt.Sprintf("the tasks of %s are not spread", topic)
		}
	}
	if spread(total) > 1 {
		return "a member has two tasks more than another"
	}
	for _, m := range s.members {
		workers[m.process]++
	}
	for process, n := range workers {
		low, high := tasks*n/len(s.members), (tasks*n+len(s.members)-1)/len(s.members)
		if k := inProcess[process]; k < low || k > high {
			return fmt.Sprintf("process %s has %d tasks, not %d to %d", process, k, low, high)
		}
	}
	return ""
}

// moves counts the tasks that change hands between before and after, and those of them that leave their process.
func (s *sim) moves(before, after map[simPartition]*simMember) (n, leave int) {
	for p, owner := range before {
		if s.isTask(p) && after[p] != owner {
			n++
			if after[p].process != owner.process {
				leave++
			}
		}
	}
	return n, leave
}

// needed counts the moves of the first round's target, of which the tests of assign show that none can be saved.
func (s *sim) needed() (n, leave int) {
	l := leader{balancer: newBalancer(simGroups, "leader", 1, 1).(*balancer)}
	l.logger = slog.New(slog.DiscardHandler)
	a := assignment{tasks: []int32{6, 7, 5}}
	for _, m := range s.join() {
		var meta kmsg.ConsumerMemberMetadata
		if err := meta.ReadFrom(m.ProtocolMetadata); err != nil {
			panic(err)
		}
		a.members = append(a.members, l.member(m.MemberID, &meta, simPartitions))
	}
	o := a.ownership()
	for j, tasks := range a.target() {
		for _, t := range tasks {
			if owner := o.at(t).member; owner >= 0 && owner != j {
				n++
				if a.members[owner].process != a.members[j].process {
					leave++
				}
			}
		}
	}
	return n, leave
}
