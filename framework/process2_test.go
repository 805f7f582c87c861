package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// minus lets the left stream pass but for values that the right one has had for the key.
func minus(op *framework.Op, next emit) (left, right emit) {
	taken := op.Store(framework.StoreOf[string, int]("taken"))
	left = func(m *framework.Meta, k string, n int) error {
		if last, ok := taken.Get(k); ok && last == n && !m.Deleted {
			return nil
		}
		return next(m, k, n)
	}
	right = func(_ *framework.Meta, k string, n int) error {
		taken.Put(k, n)
		return nil
	}
	return left, right
}

func TestProcess2TellsItsInputsApart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Process2("minus", t.From(more), minus).To(results) })
	pipeText(d, "in", "a=1@10")
	pipeText(d, "more", "a=1@20 b=2@30")
	d.Rebuild()
	pipeText(d, "in", "a=1@40 a=2@50 b=1@60 b=2@70")
	if got, want := readText(d, "out"), "a=1@10 a=2@50 b=1@60"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalContent(t, d, "taken", map[string]int{"a": 1, "b": 2})
}

func TestProcess2TakesOneStreamTwice(t *testing.T) {
	sides := func(_ *framework.Op, next emit) (emit, emit) {
		return func(m *framework.Meta, k string, n int) error { return next(m, k, 10+n) },
			func(m *framework.Meta, k string, n int) error { return next(m, k, 20+n) }
	}
	checkStream(t, func(s framework.Stream[string, int]) { s.Process2("", s, sides).To(results) },
		check{"each record goes to both inputs, in their order", "a=1@10 a=2@20", "a=11@10 a=21@10 a=12@20 a=22@20"},
		check{"no key stays no key", "-=1@10", "-=11@10 -=21@10"},
	)
	checkStream(t, func(s framework.Stream[string, int]) {
		s.Map(double).Process2("", s.Process2("", s, sides), sides).To(results)
	},
		check{"in a row too", "a=1@10", "a=12@10 a=31@10 a=41@10"})
}

func TestProcess2TakesInputsOfDifferentKeys(t *testing.T) {
	d := frameworktest.Config{PartitionsOf: map[string]int{"in": 2}}.New(t, func(t *framework.Topology) {
		t.From(numbers).Process2("", t.From(lines), func(_ *framework.Op, next emit) (emit, framework.Emit[framework.None, string]) {
			return func(m *framework.Meta, k string, n int) error { return next(m, k, n) },
				func(m *framework.Meta, _ framework.None, line string) error { return next(m, line, len(line)) }
		}).To(results)
	})
	pipeText(d, "in", "a=1@10 -=2@20")
	pipe(d, lines, "word")
	if got, want := sorted([]string{readText(d, "out")}), "a=1@10 -=2@20 word=4@0"; got[0] != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProcess2IsRepartitionedWhereAnInputHasAnotherKey(t *testing.T) {
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers).Process2("", t.From(lines), func(_ *framework.Op, next emit) (emit, framework.Emit[framework.None, string]) {
			return next, func(m *framework.Meta, _ framework.None, line string) error { return next(m, line, len(line)) }
		}).Grouped().Count("counts")
	})
	pipeText(d, "in", "a=1@10 b=2@20 c=2@20")
	pipe(d, lines, "a", "b", "c")
	equalContent(t, d, "counts", map[string]int64{"a": 2, "b": 2, "c": 2})
}

func TestProcess2WithStateRefusesAKeyThatAUsersOperatorChangedOnEitherInput(t *testing.T) {
	rename := func(_ *framework.Op, next emit) emit {
		return func(m *framework.Meta, k string, n int) error { return next(m, k+"!", n) }
	}
	for topic, build := range map[string]func(*framework.Topology){
		"in": func(t *framework.Topology) {
			t.From(numbers).Process("", rename).Process2("minus", t.From(more), minus).To(results)
		},
		"more": func(t *framework.Topology) {
			t.From(numbers).Process2("minus", t.From(more).Process("", rename), minus).To(results)
		},
	} {
		d := frameworktest.New(t, build)
		want := "operator process2 minus, topic " + topic + ", partition 0, offset 0: the key is not the one that was read: an operator of yours before this one changed it; use KeyBy, so that records of one key come together again"
		if err := d.TryPipeRaw(topic, rawOf("a=1@0")); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestProcess2WithStateWantsItsInputsPartitionedAlike(t *testing.T) {
	startFails(t, map[string]int{"in": 3, "more": 2}, func(t *framework.Topology) {
		t.From(numbers).Process2("minus", t.From(more), minus).To(results)
	}, "process2 minus: topics in and more come together by key and have 3 and 2 partitions: give them the same number, or put Repartition(name) before it")
}

func TestProcess2ErrorsAndPanicsNameIt(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Process2("faulty", t.From(more), func(_ *framework.Op, next emit) (emit, emit) {
			return next, func(*framework.Meta, string, int) error { return errBroken }
		}).To(results)
	})
	pipeText(d, "in", "a=1@10")
	const want = "operator process2 faulty, topic more, partition 0, offset 0: broken on purpose"
	if err := d.TryPipeRaw("more", rawOf("a=1@0")); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// An operator of one's own with two inputs: orders pass while the customer is not locked.
func ExampleStream_Process2() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	locks := frameworktest.Topic("locks", codec.String, codec.Bool)
	accepted := frameworktest.Topic("accepted", codec.String, codec.Int)
	type (
		emitOrder = framework.Emit[string, int]
		emitLock  = framework.Emit[string, bool]
	)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Process2("unlocked", t.From(locks), func(op *framework.Op, next emitOrder) (emitOrder, emitLock) {
			locked := op.Store(framework.StoreOf[string, bool]("locked"))
			return func(m *framework.Meta, customer string, cents int) error {
					if yes, _ := locked.Get(customer); yes {
						return nil
					}
					return next(m, customer, cents)
				}, func(_ *framework.Meta, customer string, yes bool) error {
					locked.Put(customer, yes)
					return nil
				}
		}).To(accepted)
	})
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(locks, "ann", true, at(1))
	d.Pipe(orders, "ann", 200, at(2))
	d.Pipe(orders, "bob", 300, at(3))
	show(d.Read(accepted))
	// Output:
	// ann 100
	// bob 300
}

// startFails checks with what the start of a topology fails, where topics have that many partitions.
func startFails(t *testing.T, partitions map[string]int, build func(*framework.Topology), want string) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := fmt.Sprint(recover()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}()
	frameworktest.Config{PartitionsOf: partitions}.New(nil, build)
}
