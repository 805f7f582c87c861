package kafka

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The flow is compared with every assignment there is.
func TestATargetIsTheBestOfAllAssignments(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := randomAssignment(r, 7, 4)
		best, found := cost{}, false
		everyAssignment(&a, func(target [][]task) {
			if c := score(&a, target); !found || c.less(&best) {
				best, found = c, true
			}
		})
		if got := score(&a, a.target()); got != best {
			t.Fatalf("seed %d: the target costs %v, the best %v\n%+v", seed, got, best, a)
		}
	}
}

// Large ones cannot be compared with all; none of the assignments next to the target is better.
func TestNoMoveAndNoExchangeImprovesATarget(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		a := randomAssignment(r, 40, 9)
		target := a.target()
		least := score(&a, target)
		better := func() bool { c := score(&a, target); return c.less(&least) }
		for m := range target {
			for x := range target[m] {
				for n := range target {
					if !a.members[n].eligible[target[m][x].group] {
						continue
					}
					task := target[m][x]
					target[m] = slices.Delete(target[m], x, x+1)
					target[n] = append(target[n], task)
					if better() {
						t.Fatalf("seed %d: moving %v from %d to %d is better", seed, task, m, n)
					}
					for y := range target[n][:len(target[n])-1] {
						if back := target[n][y]; n != m && a.members[m].eligible[back.group] {
							target[n] = slices.Delete(target[n], y, y+1)
							target[m] = append(target[m], back)
							if better() {
								t.Fatalf("seed %d: exchanging %v and %v between %d and %d is better", seed, task, back, m, n)
							}
							target[m] = target[m][:len(target[m])-1]
							target[n] = slices.Insert(target[n], y, back)
						}
					}
					target[n] = target[n][:len(target[n])-1]
					target[m] = slices.Insert(target[m], x, task)
				}
			}
		}
	}
}

func TestAMemberThatJoinsTakesItsShareAndNothingElseMoves(t *testing.T) {
	a := assignment{tasks: []int32{12}, members: []member{
		{id: "a", process: "a", claims: claims(0, 0, 1, 2, 3, 4, 5)},
		{id: "b", process: "b", claims: claims(0, 6, 7, 8, 9, 10, 11)},
		{id: "c", process: "c"},
	}}
	wantTarget(t, a, "a 0/0 0/1 0/2 0/3\nb 0/6 0/7 0/8 0/9\nc 0/4 0/5 0/10 0/11")
}

// For one group and processes of one member the least number of moves can be counted on fingers: each member keeps what it has up to
// its share, and as many keep one more as there are tasks left over.
func TestNoMoreTasksMoveThanHaveTo(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 4))
		members := 1 + r.IntN(12)
		a := assignment{tasks: []int32{int32(r.IntN(100))}}
		for m := range members {
			a.members = append(a.members, member{id: fmt.Sprint(m), process: fmt.Sprint(m)})
		}
		for p := range a.tasks[0] {
			if m := r.IntN(members + 1); m < members {
				a.members[m].claims = append(a.members[m].claims, claims(0, p)...)
			}
		}
		share, more, keep := int(a.tasks[0])/members, int(a.tasks[0])%members, 0
		for _, m := range a.members {
			keep += min(len(m.claims), share)
			if len(m.claims) > share && more > 0 {
				keep, more = keep+1, more-1
			}
		}
		c := complete(a)
		o, kept := c.ownership(), 0
		for m, tasks := range c.target() {
			for _, x := range tasks {
				if o.at(x).member == m {
					kept++
				}
			}
		}
		if kept != keep {
			t.Fatalf("seed %d: %d tasks stay, %d could", seed, kept, keep)
		}
	}
}

func TestATaskStaysInItsProcessRatherThanWithNobody(t *testing.T) {
	a := assignment{tasks: []int32{4}, members: []member{
		{id: "a1", process: "a", claims: claims(0, 0, 1)},
		{id: "a2", process: "a"},
		{id: "b1", process: "b", claims: claims(0, 2, 3)},
		{id: "b2", process: "b"},
	}}
	wantTarget(t, a, "a1 0/0\na2 0/1\nb1 0/2\nb2 0/3")
}

func TestATaskThatWasReleasedGoesToAnotherWorkerOfTheProcess(t *testing.T) {
	a := assignment{tasks: []int32{4}, members: []member{
		{id: "a1", process: "a", claims: claims(0, 2), released: []task{{0, 3}}},
		{id: "a2", process: "a"},
		{id: "b1", process: "b", claims: claims(0, 1), released: []task{{0, 0}}},
		{id: "b2", process: "b"},
	}}
	wantTarget(t, a, "a1 0/2\na2 0/3\nb1 0/1\nb2 0/0")
}

func TestTheTasksOfEachGroupAreSpread(t *testing.T) {
	a := assignment{tasks: []int32{2, 2, 2}, members: []member{
		{id: "a1", process: "a"}, {id: "a2", process: "a"}, {id: "b1", process: "b"},
	}}
	for m, tasks := range complete(a).target() {
		groups := map[int32]int{}
		for _, x := range tasks {
			groups[x.group]++
		}
		if len(tasks) != 2 || len(groups) != 2 {
			t.Errorf("member %d has %v, want 2 tasks of 2 groups", m, tasks)
		}
	}
}

func TestCapacityIsTheWeight(t *testing.T) {
	a := assignment{tasks: []int32{12}, members: []member{
		{id: "a", process: "a", capacity: 3}, {id: "b", process: "b", capacity: 1},
	}}
	if target := complete(a).target(); len(target[0]) != 9 || len(target[1]) != 3 {
		t.Fatalf("capacities 3 and 1 of 12 tasks have %d and %d", len(target[0]), len(target[1]))
	}
}

func TestAMemberThatIsNotSubscribedToAGroupGetsNoneOfIt(t *testing.T) {
	a := assignment{tasks: []int32{4, 4, 3}, members: []member{
		{id: "old", process: "old", eligible: []bool{true, false, false}},
		{id: "new", process: "new", eligible: []bool{true, true, false}},
	}}
	wantTarget(t, a, "old 0/0 0/1 0/2 0/3\nnew 1/0 1/1 1/2 1/3")
}

func TestATaskIsWithheldUntilItsOwnerLetItGo(t *testing.T) {
	a := complete(assignment{tasks: []int32{2}, members: []member{
		{id: "a", process: "a", claims: claims(0, 0, 1)},
		{id: "b", process: "b"},
	}})
	if got, want := describe(a, a.now(a.target())), "a 0/0\nb"; got != want {
		t.Fatalf("at once:\n%s\nwant:\n%s", got, want)
	}
	a.members[0].claims = claims(0, 0)
	if got, want := describe(a, a.now(a.target())), "a 0/0\nb 0/1"; got != want {
		t.Fatalf("then:\n%s\nwant:\n%s", got, want)
	}
}

func TestOfTwoClaimsTheLaterGenerationWins(t *testing.T) {
	late := member{id: "late", process: "late", generation: 7, claims: claims(0, 0)}
	missed := member{id: "missed", process: "missed", generation: 6, claims: claims(0, 0)}
	a := complete(assignment{tasks: []int32{1}, members: []member{missed, late}})
	if got, want := describe(a, a.now(a.target())), "missed\nlate 0/0"; got != want {
		t.Fatalf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestOfTwoClaimsOfOneGenerationNeitherHolds(t *testing.T) {
	a := complete(assignment{tasks: []int32{1}, members: []member{
		{id: "a", process: "a", generation: 7, claims: claims(0, 0)},
		{id: "b", process: "b", generation: 7, claims: claims(0, 0)},
	}})
	if got, want := describe(a, a.now(a.target())), "a\nb"; got != want {
		t.Fatalf("got:\n%s\nwant nobody to have it", got)
	}
}

func TestOfTwoClaimsOneOfAPartDoesNotHold(t *testing.T) {
	part := member{id: "part", process: "part", generation: 7, claims: []claim{{task: task{0, 0}}}}
	rest := member{id: "rest", process: "rest", generation: 6, claims: []claim{{task: task{0, 0}}}}
	a := complete(assignment{tasks: []int32{1}, members: []member{part, rest}})
	if got, want := describe(a, a.now(a.target())), "part\nrest"; got != want {
		t.Fatalf("got:\n%s\nwant nobody to have it", got)
	}
	a.members = a.members[:1]
	if got, want := describe(a, a.now(a.target())), "part 0/0"; got != want {
		t.Fatalf("got:\n%s\nwant the only claim to hold:\n%s", got, want)
	}
}

func TestClaimsOfTasksThatDoNotExistAreIgnored(t *testing.T) {
	a := assignment{tasks: []int32{1}, members: []member{
		{id: "a", process: "a", claims: claims(0, 0, 1, -1), released: []task{{0, 9}}},
	}}
	wantTarget(t, a, "a 0/0")
}

func TestAGroupWithoutMembersOrTasksIsEmpty(t *testing.T) {
	for _, a := range []assignment{
		{},
		{tasks: []int32{3}},
		{tasks: []int32{0}, members: []member{{id: "a"}}},
		{tasks: []int32{2}, members: []member{{id: "a", eligible: []bool{false}}}},
	} {
		for _, tasks := range complete(a).target() {
			if len(tasks) > 0 {
				t.Fatalf("%+v has tasks %v", a, tasks)
			}
		}
	}
}

func TestTheOrderOfMembersDoesNotMatter(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		a := randomAssignment(r, 30, 8)
		byID := func() map[string]string {
			target, out := a.target(), map[string]string{}
			now := a.now(target)
			for j, m := range a.members {
				out[m.id] = fmt.Sprint(target[j], now[j])
			}
			return out
		}
		want := byID()
		r.Shuffle(len(a.members), func(i, j int) { a.members[i], a.members[j] = a.members[j], a.members[i] })
		for id, got := range byID() {
			if got != want[id] {
				t.Fatalf("seed %d: in another order %s has %s, not %s", seed, id, got, want[id])
			}
		}
	}
}

func BenchmarkTarget(b *testing.B) {
	for _, size := range [][3]int{{10, 64, 16}, {10, 100, 128}, {10, 1000, 128}} {
		b.Run(fmt.Sprintf("groups=%d,partitions=%d,members=%d", size[0], size[1], size[2]), func(b *testing.B) {
			a := assignment{tasks: slices.Repeat([]int32{int32(size[1])}, size[0])}
			for m := range size[2] {
				a.members = append(a.members, member{id: fmt.Sprint(m), process: fmt.Sprint(m % 8)})
			}
			c := complete(a)
			for b.Loop() {
				c.target()
			}
		})
	}
}

// complete fills in what a test leaves out: capacity 1, and eligible for all.
func complete(a assignment) *assignment {
	a.members = slices.Clone(a.members)
	for j := range a.members {
		m := &a.members[j]
		m.capacity = max(m.capacity, 1)
		if m.eligible == nil {
			m.eligible = slices.Repeat([]bool{true}, len(a.tasks))
		}
	}
	return &a
}

func claims(group int32, partitions ...int32) (out []claim) {
	for _, p := range partitions {
		out = append(out, claim{task: task{group, p}, whole: true})
	}
	return out
}

func describe(a *assignment, target [][]task) string {
	var out string
	for j, m := range a.members {
		out += "\n" + m.id
		for _, t := range slices.SortedFunc(slices.Values(target[j]), compareTasks) {
			out += fmt.Sprintf(" %d/%d", t.group, t.partition)
		}
	}
	return out[1:]
}

func wantTarget(t *testing.T, a assignment, want string) {
	t.Helper()
	c := complete(a)
	if got := describe(c, c.target()); got != want {
		t.Fatalf("got:\n%s\nwant:\n%s", got, want)
	}
}

// randomAssignment has up to so many tasks and members; of what they claim, some is claimed twice or in part.
func randomAssignment(r *rand.Rand, tasks, members int) assignment {
	a := assignment{tasks: make([]int32, 1+r.IntN(3))}
	for range r.IntN(tasks + 1) {
		a.tasks[r.IntN(len(a.tasks))]++
	}
	processes, weighted, uneven := 1+r.IntN(members), r.IntN(4) == 0, r.IntN(4) == 0
	for j := range 1 + r.IntN(members) {
		m := member{id: fmt.Sprint(j), process: fmt.Sprint("p", r.IntN(processes)), capacity: 1, generation: int32(r.IntN(2))}
		if weighted {
			m.capacity += r.IntN(3)
		}
		for range a.tasks {
			m.eligible = append(m.eligible, !uneven || r.IntN(3) > 0)
		}
		a.members = append(a.members, m)
	}
	for i, n := range a.tasks {
		for p := range n {
			for range [...]int{1, 1, 1, 0, 2}[r.IntN(5)] {
				m := &a.members[r.IntN(len(a.members))]
				if r.IntN(5) == 0 {
					m.released = append(m.released, task{int32(i), p})
				} else {
					m.claims = append(m.claims, claim{task: task{int32(i), p}, whole: r.IntN(9) > 0})
				}
			}
		}
	}
	return a
}

// everyAssignment calls f with each way to give all tasks that somebody may have to members that may have them.
func everyAssignment(a *assignment, f func([][]task)) {
	var tasks []task
	for i, n := range a.tasks {
		if slices.ContainsFunc(a.members, func(m member) bool { return m.eligible[i] }) {
			for p := range n {
				tasks = append(tasks, task{int32(i), p})
			}
		}
	}
	target := make([][]task, len(a.members))
	var next func(rest []task)
	next = func(rest []task) {
		if len(rest) == 0 {
			f(target)
			return
		}
		for m := range target {
			if a.members[m].eligible[rest[0].group] {
				target[m] = append(target[m], rest[0])
				next(rest[1:])
				target[m] = target[m][:len(target[m])-1]
			}
		}
	}
	next(tasks)
}

// score says how far a target is from the rules, without the flow.
func score(a *assignment, target [][]task) (c cost) {
	var tasks, capacity int
	inProcess, capacities := map[string]int{}, map[string]int{}
	for j, m := range a.members {
		if slices.Contains(m.eligible, true) {
			capacity += m.capacity
			capacities[m.process] += m.capacity
		}
		tasks += len(target[j])
		inProcess[m.process] += len(target[j])
	}
	for p, w := range capacities {
		c[levelProcess] += distance(inProcess[p], tasks, w, capacity)
	}
	for j, m := range a.members {
		if slices.Contains(m.eligible, true) {
			c[levelMember] += distance(len(target[j]), tasks, m.capacity, capacity)
		}
	}
	for i := range a.tasks {
		n, capacity := 0, 0
		counts, capacities := map[string]int{}, map[string]int{}
		for j, m := range a.members {
			if m.eligible[i] {
				capacity += m.capacity
				capacities[m.process] += m.capacity
			}
			for _, x := range target[j] {
				if int(x.group) == i {
					n++
					counts[m.process]++
				}
			}
		}
		for p, w := range capacities {
			c[levelProcessGroup] += distance(counts[p], n, w, capacity)
		}
		for j, m := range a.members {
			if m.eligible[i] {
				var k int
				for _, x := range target[j] {
					if int(x.group) == i {
						k++
					}
				}
				c[levelMemberGroup] += distance(k, n, m.capacity, capacity)
			}
		}
	}
	o := a.ownership()
	for j, m := range a.members {
		for _, x := range target[j] {
			if o.at(x).process != m.process {
				c[levelLeaveProcess]++
			}
			if o.at(x).member != j {
				c[levelLeaveMember]++
			}
		}
	}
	return c
}

// distance of k from total*part/whole rounded down or up, 1 for the first unit, 2 for the next and so on.
func distance(k, total, part, whole int) int32 {
	low, high := total*part/whole, (total*part+whole-1)/whole
	d := int32(max(low-k, k-high, 0))
	return d * (d + 1) / 2
}
