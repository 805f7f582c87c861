package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/connector"
)

// joined is a member with what it was told.
type joined struct {
	*Member
	t     *testing.T
	owned map[connector.Partition]connector.Assignment
	awake int
	open  []connector.Event // told and not done
}

// twoTopics is a graph with a sub-topology that joins a and b, and one that reads c.
func twoTopics() connector.WorkerConfig {
	return connector.WorkerConfig{
		Group:   "app",
		Topics:  []connector.TopicSpec{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "sink"}},
		Sources: []connector.Source{{Topic: 0}, {Topic: 1}, {Topic: 2}},
		Groups:  [][]int32{{0, 1}, {2}},
	}
}

func join(t *testing.T, g *Group, ab, c int32) *joined {
	t.Helper()
	j := &joined{t: t, owned: map[connector.Partition]connector.Assignment{}}
	var err error
	j.Member, err = g.Join(Host{
		Config: twoTopics(), Partitions: []int32{ab, ab, c, 1}, Wake: func() { j.awake++ },
		Begin: func(s connector.Source, p connector.Position) (connector.Assignment, error) {
			return Begin(s, twoTopics().Topics[s.Topic].Name, p, Span{Start: 0, End: 100})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// hear takes events and leaves them open.
func (j *joined) hear() (kinds []connector.EventKind) {
	j.t.Helper()
	events, err := j.Events()
	if err != nil {
		j.t.Fatal(err)
	}
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		for _, a := range e.Partitions {
			_, has := j.owned[a.Partition]
			if has == (e.Kind == connector.Assigned) {
				j.t.Fatalf("%v of %v, which it has: %v", e.Kind, a.Partition, has)
			}
			if delete(j.owned, a.Partition); e.Kind == connector.Assigned {
				j.owned[a.Partition] = a
			}
		}
	}
	j.open = append(j.open, events...)
	return kinds
}

// answer calls Done of what was heard.
func (j *joined) answer() {
	for _, e := range j.open {
		e.Done()
	}
	j.open = nil
}

// settle lets members hear and answer until nothing happens.
func settle(members ...*joined) {
	for quiet := false; !quiet; {
		quiet = true
		for _, m := range members {
			m.hear()
			quiet = quiet && len(m.open) == 0
			m.answer()
		}
	}
}

func (j *joined) commit(offset int64, ps ...connector.Partition) error {
	var positions []connector.Position
	for _, p := range ps {
		positions = append(positions, connector.Position{Partition: p, Offset: offset, Metadata: "m"})
	}
	return j.Commit(positions, nil)
}

func (j *joined) any() connector.Partition {
	j.t.Helper()
	for topic := range int32(3) {
		for p := range int32(64) {
			if _, has := j.owned[connector.Partition{Topic: topic, Partition: p}]; has {
				return connector.Partition{Topic: topic, Partition: p}
			}
		}
	}
	j.t.Fatal("it has nothing")
	return connector.Partition{}
}

func TestTheFirstEventIsAnAssignmentEvenOfNothing(t *testing.T) {
	g := NewGroup()
	first, second := join(t, g, 1, 0), join(t, g, 1, 0)
	for _, m := range []*joined{first, second} {
		if m.awake == 0 {
			t.Error("it was not woken")
		}
		if kinds := m.hear(); !slices.Equal(kinds, []connector.EventKind{connector.Assigned}) {
			t.Errorf("heard %v", kinds)
		}
		if kinds := m.hear(); len(kinds) > 0 {
			t.Errorf("then heard %v", kinds)
		}
	}
	if len(first.owned) != 2 || len(second.owned) != 0 {
		t.Errorf("they have %v and %v", first.owned, second.owned)
	}
}

func TestPartitionsThatBelongTogetherStayTogether(t *testing.T) {
	g := NewGroup()
	first, second := join(t, g, 4, 2), join(t, g, 4, 2)
	settle(first, second)
	if len(first.owned)+len(second.owned) != 10 || len(first.owned) != len(second.owned) {
		t.Errorf("they have %d and %d partitions", len(first.owned), len(second.owned))
	}
	for p := range first.owned {
		if _, with := first.owned[connector.Partition{Topic: 1 - p.Topic, Partition: p.Partition}]; p.Topic < 2 && !with {
			t.Errorf("%v is without its other half", p)
		}
	}
}

func TestARevokedTaskIsAssignedOnlyWhenItsOwnerIsDone(t *testing.T) {
	g := NewGroup()
	first := join(t, g, 0, 4)
	settle(first)
	second := join(t, g, 0, 4)
	if kinds := second.hear(); len(second.owned) > 0 {
		t.Fatalf("heard %v of %v before anybody let go", kinds, second.owned)
	}
	before := first.any()
	if kinds := first.hear(); !slices.Equal(kinds, []connector.EventKind{connector.Revoked}) || len(first.owned) != 2 {
		t.Fatalf("heard %v, has %v", kinds, first.owned)
	}
	var revoked []connector.Partition
	for _, a := range first.open[0].Partitions {
		revoked = append(revoked, a.Partition)
	}
	if second.hear(); len(second.owned) > 0 {
		t.Fatal("assigned before Done")
	}
	if err := first.commit(7, append(revoked, before)...); err != nil {
		t.Errorf("a commit before Done: %v", err)
	}
	first.answer()
	if err := first.commit(8, revoked...); err == nil {
		t.Error("a commit after Done is stored")
	}
	settle(second)
	for _, p := range revoked {
		if a := second.owned[p]; a.Offset != 7 || a.Metadata != "m" || a.End != 100 {
			t.Errorf("%v was assigned as %+v", p, a)
		}
	}
	if first.hear(); len(first.owned) != 2 {
		t.Errorf("the first has %v", first.owned)
	}
}

func TestWhatAMemberWasNotToldOfMovesWithoutAWord(t *testing.T) {
	g := NewGroup()
	first, second := join(t, g, 2, 2), join(t, g, 2, 2)
	if kinds := first.hear(); !slices.Equal(kinds, []connector.EventKind{connector.Assigned}) {
		t.Errorf("the first heard %v", kinds)
	}
	if kinds := second.hear(); !slices.Equal(kinds, []connector.EventKind{connector.Assigned}) {
		t.Errorf("the second heard %v", kinds)
	}
	if len(first.owned) != 3 || len(second.owned) != 3 {
		t.Errorf("they have %v and %v", first.owned, second.owned)
	}
}

func TestARevocationThatWasNotToldIsTakenBack(t *testing.T) {
	g := NewGroup()
	first := join(t, g, 0, 4)
	settle(first)
	join(t, g, 0, 4).Leave()
	if kinds := first.hear(); len(kinds) > 0 || len(first.owned) != 4 {
		t.Errorf("heard %v, has %v", kinds, first.owned)
	}
}

func TestATaskThatWasToldToGoComesBackByAnAssignment(t *testing.T) {
	g := NewGroup()
	first := join(t, g, 0, 4)
	settle(first)
	second := join(t, g, 0, 4)
	first.hear()
	second.Leave()
	if kinds := first.hear(); len(kinds) > 0 {
		t.Errorf("heard %v before it was done", kinds)
	}
	first.answer()
	if kinds := first.hear(); !slices.Equal(kinds, []connector.EventKind{connector.Assigned}) || len(first.owned) != 4 {
		t.Errorf("heard %v, has %v", kinds, first.owned)
	}
}

func TestTheTasksOfOneWhoLeavesGoToTheOthers(t *testing.T) {
	g := NewGroup()
	first, second := join(t, g, 4, 4), join(t, g, 4, 4)
	settle(first, second)
	second.Leave()
	second.Leave()
	settle(first)
	if len(first.owned) != 12 {
		t.Errorf("it has %v", first.owned)
	}
	if err := second.commit(1, second.any()); !errors.Is(err, ErrClosed) {
		t.Errorf("a commit of one who left: %v", err)
	}
	if _, err := second.Events(); !errors.Is(err, ErrClosed) {
		t.Errorf("events of one who left: %v", err)
	}
}

func TestACommitOfAnothersPartitionIsRefusedAndTheRestIsStored(t *testing.T) {
	g := NewGroup()
	first, second := join(t, g, 0, 2), join(t, g, 0, 2)
	settle(first, second)
	var refused *connector.CommitError
	err := first.commit(5, second.any(), first.any())
	if !errors.As(err, &refused) || !slices.Equal(refused.Refused, []connector.Partition{second.any()}) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("topic c, partition %d is not this worker's", second.any().Partition)) {
		t.Errorf("got %q", err)
	}
	if got := g.Committed("c", first.any().Partition); got.Offset != 5 || got.Metadata != "m" {
		t.Errorf("of its own %+v is stored", got)
	}
	if got := g.Committed("c", second.any().Partition); got.Offset != -1 {
		t.Errorf("of the other's %+v is stored", got)
	}
}

func TestWhatCannotBeStoredIsNotKept(t *testing.T) {
	g := NewGroup()
	m := join(t, g, 0, 1)
	settle(m)
	full := errors.New("the disk is full")
	positions := []connector.Position{{Partition: m.any(), Offset: 3}}
	if err := m.Commit(positions, func([]connector.Position) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if got := g.Committed("c", 0); got.Offset != -1 {
		t.Errorf("%+v is kept", got)
	}
}

func TestAnExpelledMemberHearsThatAllIsLostAndJoinsAgain(t *testing.T) {
	g := NewGroup()
	first, second := join(t, g, 0, 4), join(t, g, 0, 4)
	settle(first, second)
	had := first.any()
	first.Expel()
	if err := first.commit(9, had); err == nil {
		t.Error("a commit of what is lost is stored")
	}
	settle(second)
	if len(second.owned) != 4 {
		t.Errorf("the other has %v", second.owned)
	}
	if kinds := first.hear(); !slices.Equal(kinds, []connector.EventKind{connector.Lost}) || len(first.owned) > 0 {
		t.Errorf("heard %v, has %v", kinds, first.owned)
	}
	if kinds := first.hear(); len(kinds) > 0 {
		t.Errorf("heard %v before it was done", kinds)
	}
	first.answer()
	settle(first, second)
	if len(first.owned) != 2 || len(second.owned) != 2 {
		t.Errorf("they have %v and %v", first.owned, second.owned)
	}
}

func TestAnotherGraphUnderTheSameNameIsRefused(t *testing.T) {
	g := NewGroup()
	m := join(t, g, 2, 2)
	other := twoTopics()
	other.Groups = other.Groups[:1]
	host := Host{Config: other, Partitions: []int32{2, 2, 2, 1}, Wake: func() {}}
	if _, err := g.Join(host); err == nil || !strings.Contains(err.Error(), "another graph runs under this name") {
		t.Errorf("got %v", err)
	}
	m.Leave()
	if _, err := g.Join(host); err != nil {
		t.Errorf("when nobody is there: %v", err)
	}
}

func TestPositionsOutliveMembers(t *testing.T) {
	g := NewGroup()
	g.SetCommitted("c", 0, 11, "stored")
	m := join(t, g, 0, 1)
	settle(m)
	if a := m.owned[m.any()]; a.Offset != 11 || a.Metadata != "stored" {
		t.Errorf("assigned as %+v", a)
	}
	if err := m.commit(12, m.any()); err != nil {
		t.Fatal(err)
	}
	m.Leave()
	m = join(t, g, 0, 1)
	settle(m)
	if a := m.owned[m.any()]; a.Offset != 12 {
		t.Errorf("assigned as %+v", a)
	}
}

// Members join, leave, are expelled, hear and answer in any order; whatever happens, no partition is two members', and
// when all have answered everything is shared evenly, tasks are whole, and no more has moved than must.
func TestTheGroupKeepsItsPromisesWhateverHappens(t *testing.T) {
	for seed := range uint64(100) {
		if first, second := history(t, seed), history(t, seed); first != second {
			t.Fatalf("seed %d: two runs differ:\n%s\n%s", seed, first, second)
		}
	}
}

func history(t *testing.T, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	g, ab, c := NewGroup(), rng.Int32N(6), rng.Int32N(8)
	var members []*joined
	var told strings.Builder
	for range 60 {
		switch i := rng.IntN(12); {
		case i < 2 || len(members) == 0:
			members = append(members, join(t, g, ab, c))
		case i == 2:
			leaver := rng.IntN(len(members))
			members[leaver].Leave()
			members = slices.Delete(members, leaver, leaver+1)
		case i == 3:
			members[rng.IntN(len(members))].Expel()
		case i < 8:
			members[rng.IntN(len(members))].hear()
		case i < 11:
			members[rng.IntN(len(members))].answer()
		default:
			settle(members...)
			checkShares(t, seed, members, ab, c)
			checkMoves(t, seed, g, &members, ab, c)
		}
		checkOwners(t, seed, members)
	}
	for _, m := range members {
		fmt.Fprintln(&told, m.owned)
	}
	return told.String()
}

// checkOwners: what one has been told to have nobody else has, unless it is lost to it.
func checkOwners(t *testing.T, seed uint64, members []*joined) {
	t.Helper()
	owner := map[connector.Partition]*joined{}
	for _, m := range members {
		if len(m.lost) > 0 {
			continue
		}
		for p := range m.owned {
			if owner[p] != nil {
				t.Fatalf("seed %d: two members have %v", seed, p)
			}
			owner[p] = m
		}
	}
}

// checkShares: all is owned, tasks are whole, and evenly shared.
func checkShares(t *testing.T, seed uint64, members []*joined, ab, c int32) {
	t.Helper()
	least, most, all := int(ab+c), 0, 0
	for _, m := range members {
		tasks := 0
		for p := range m.owned {
			if p.Topic != 1 {
				tasks++
			}
			if _, with := m.owned[connector.Partition{Topic: 1 - p.Topic, Partition: p.Partition}]; p.Topic < 2 && !with {
				t.Fatalf("seed %d: %v is without its other half", seed, p)
			}
		}
		least, most, all = min(least, tasks), max(most, tasks), all+tasks
	}
	if all != int(ab+c) || most-least > 1 {
		t.Fatalf("seed %d: %d of %d tasks are owned, by members with %d to %d", seed, all, ab+c, least, most)
	}
}

// checkMoves: one more member takes its share, and nothing else moves.
func checkMoves(t *testing.T, seed uint64, g *Group, members *[]*joined, ab, c int32) {
	t.Helper()
	before := map[connector.Partition]*joined{}
	for _, m := range *members {
		for p := range m.owned {
			before[p] = m
		}
	}
	newcomer := join(t, g, ab, c)
	*members = append(*members, newcomer)
	settle(*members...)
	checkShares(t, seed, *members, ab, c)
	for _, m := range *members {
		for p := range m.owned {
			if m != newcomer && before[p] != m {
				t.Fatalf("seed %d: %v moved, and not to the one who came", seed, p)
			}
		}
	}
}
