package framework_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

type (
	emit     = framework.Emit[string, int]
	operator = framework.Operator[string, int, string, int]
)

// total emits the sum of what came of each key; a tombstone starts it anew.
func total(store framework.Store[string, int]) operator {
	return func(op *framework.Op, next emit) emit {
		sums := op.Store(store)
		return func(m *framework.Meta, k string, n int) error {
			if m.Deleted {
				sums.Delete(k)
				return next(m, k, 0)
			}
			sum, _ := sums.Get(k)
			sums.Put(k, sum+n)
			return next(m, k, sum+n)
		}
	}
}

func TestProcessKeepsTypedState(t *testing.T) {
	store := framework.StoreOf[string, int]("totals").Codecs(codec.String, decimal)
	op := total(store)
	checkStream(t, func(s framework.Stream[string, int]) { s.Process("totals", op).To(results) },
		check{"by key", "a=1@10 b=5@20 a=2@30", "a=1@10 b=5@20 a=3@30"},
		check{"and sees tombstones", "a=1@10 a=-@20 a=2@30", "a=1@10 a=-@20 a=2@30"},
	)
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Process("totals", op).To(results) })
	pipeText(d, "in", "a=1@10 b=5@20")
	d.Rebuild()
	pipeText(d, "in", "a=2@30")
	equalContent(t, d, "totals", map[string]int{"a": 3, "b": 5})
	if got, want := readText(d, "test-totals-changelog"), "a=1@10 b=5@20 a=3@30"; got != want {
		t.Errorf("the changelog holds %s, want %s", got, want)
	}
}

func TestProcessReadsItsStoreInTheOrderOfKeys(t *testing.T) {
	var all, some []string
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Process("seen", func(op *framework.Op, next emit) emit {
			seen := op.Store(framework.StoreOf[string, int]("seen"))
			return func(m *framework.Meta, k string, n int) error {
				seen.Put(k, n)
				all, some = nil, nil
				for k, n := range seen.All() {
					all = append(all, fmt.Sprint(k, n))
				}
				for k := range seen.Range("b", "d") {
					some = append(some, k)
				}
				return next(m, k, n)
			}
		}).To(results)
	})
	pipeText(d, "in", "c=1@0 a=2@0 d=3@0 b=4@0")
	if want := []string{"a2", "b4", "c1", "d3"}; !slices.Equal(all, want) {
		t.Errorf("all are %v, want %v", all, want)
	}
	if want := []string{"b", "c"}; !slices.Equal(some, want) {
		t.Errorf("from b to d are %v, want %v", some, want)
	}
}

func TestProcessMayKeepSeveralStores(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Process("extremes", func(op *framework.Op, next emit) emit {
			least, most := op.Store(framework.StoreOf[string, int]("least")), op.Store(framework.StoreOf[string, int]("most"))
			return func(m *framework.Meta, k string, n int) error {
				if low, ok := least.Get(k); !ok || n < low {
					least.Put(k, n)
				}
				if high, ok := most.Get(k); !ok || n > high {
					most.Put(k, n)
				}
				return next(m, k, n)
			}
		}).To(results)
	})
	pipeText(d, "in", "a=5@0 a=2@0 a=9@0 b=1@0")
	d.Rebuild()
	equalContent(t, d, "least", map[string]int{"a": 2, "b": 1})
	equalContent(t, d, "most", map[string]int{"a": 9, "b": 1})
}

func TestAnOperatorWithStateRefusesAKeyThatAUsersOperatorChanged(t *testing.T) {
	rename := func(_ *framework.Op, next emit) emit {
		return func(m *framework.Meta, k string, n int) error { return next(m, k+"!", n) }
	}
	keep := func(op *framework.Op, next emit) emit {
		op.Store(framework.StoreOf[string, int]("kept"))
		return next
	}
	for name, end := range map[string]func(framework.Stream[string, int]){
		"count counts": func(s framework.Stream[string, int]) { s.Grouped().Count("counts") },
		"table last":   func(s framework.Stream[string, int]) { s.Filter(func(int) bool { return true }).Table("last") },
		"process keep": func(s framework.Stream[string, int]) { s.Process("keep", keep).To(results) },
	} {
		d := frameworktest.New(t, func(t *framework.Topology) { end(t.From(numbers).Process("renaming", rename)) })
		want := "operator " + name + ", topic in, partition 0, offset 0: the key is not the one that was read: an operator of yours before this one changed it; use KeyBy, so that records of one key come together again"
		if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestAUsersOperatorMayChangeTheKeyWhereNothingRestsOnIt(t *testing.T) {
	rename := func(_ *framework.Op, next emit) emit {
		return func(m *framework.Meta, k string, n int) error { return next(m, k+"!", n) }
	}
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Process("", rename).To(results) })
	pipeText(d, "in", "a=1@0")
	if got, want := readText(d, "out"), "a!=1@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestProcessGivesAndTakesKeys(t *testing.T) {
	names := frameworktest.Topic("names", codec.String, codec.String)
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(lines).Process("", func(_ *framework.Op, next framework.Emit[string, string]) framework.Emit[framework.None, string] {
			return func(m *framework.Meta, _ framework.None, v string) error { return next(m, v[:1], v) }
		}).To(names)
		t.From(numbers).Process("", func(_ *framework.Op, next framework.Emit[framework.None, int]) emit {
			return func(m *framework.Meta, _ string, n int) error { return next(m, framework.None{}, n) }
		}).To(unkeyedOut)
	})
	pipe(d, lines, "ant")
	if got, want := readText(d, "names"), "a=ant@0"; got != want {
		t.Errorf("a key where none was: got %s, want %s", got, want)
	}
	pipeText(d, "in", "a=1@0")
	if got, want := readText(d, "out"), "-=1@0"; got != want {
		t.Errorf("no key where one was: got %s, want %s", got, want)
	}
}

func TestProcessThatChangesTheTypeOfTheKeyIsRepartitioned(t *testing.T) {
	byParity := func(_ *framework.Op, next framework.Emit[bool, int]) emit {
		return func(m *framework.Meta, _ string, n int) error { return next(m, even(n), n) }
	}
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers).Process("", byParity).Grouped().Count("counts")
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=3@0 -=5@0")
	equalContent(t, d, "counts", map[bool]int64{true: 1, false: 3})
}

func TestOnCommitRunsAtTheEndOfEachRoundUpstreamFirst(t *testing.T) {
	var calls []string
	keepBack := func(name string) operator {
		return func(op *framework.Op, next emit) emit {
			type kept struct {
				m framework.Meta
				k string
				n int
			}
			var records []kept
			op.OnCommit(func() error {
				calls = append(calls, fmt.Sprint(name, len(records)))
				for _, r := range records {
					if err := next(&r.m, r.k, r.n); err != nil {
						return err
					}
				}
				records = nil
				return nil
			})
			return func(m *framework.Meta, k string, n int) error {
				records = append(records, kept{*m, k, n})
				return nil
			}
		}
	}
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers).Process("", keepBack("first")).Process("", keepBack("second"))
		s.To(results)
		s.Grouped().Count("counts") // whose keys are not those of the record that was read last
	})
	d.Batch(func() { pipeText(d, "in", "a=1@10 b=2@20") })
	if got, want := readText(d, "out"), "a=1@10 b=2@20"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalContent(t, d, "counts", map[string]int64{"a": 1, "b": 1})
	if want := []string{"first2", "second2"}; !slices.Equal(calls, want) {
		t.Errorf("called %v, want %v", calls, want)
	}
}

func TestProcessErrorsNameTheOperatorThatTheyComeFrom(t *testing.T) {
	pass := func(_ *framework.Op, next emit) emit {
		return func(m *framework.Meta, k string, n int) error { return next(m, k, n) }
	}
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Process("upstream", pass).Process("faulty", func(*framework.Op, emit) emit {
			return func(*framework.Meta, string, int) error { return errBroken }
		}).To(results)
	})
	const want = "operator process faulty, topic in, partition 0, offset 0: broken on purpose"
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); !errors.Is(err, errBroken) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// An operator of one's own drops what it has seen before.
func ExampleStream_Process() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	changes := frameworktest.Topic("changes", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Process("changed", func(op *framework.Op, next framework.Emit[string, int]) framework.Emit[string, int] {
			last := op.Store(framework.StoreOf[string, int]("last"))
			return func(m *framework.Meta, customer string, cents int) error {
				if before, ok := last.Get(customer); ok && before == cents {
					return nil
				}
				last.Put(customer, cents)
				return next(m, customer, cents)
			}
		}).To(changes)
	})
	for _, cents := range []int{100, 100, 250, 100} {
		d.Pipe(orders, "ann", cents, at(0))
	}
	show(d.Read(changes))
	// Output:
	// ann 100
	// ann 250
	// ann 100
}

// What is asked for when the task runs would be in no changelog and at no commit.
func TestWhatIsOpenedTooLateIsRefused(t *testing.T) {
	for what, late := range map[string]func(op *framework.Op){
		"store seen": func(op *framework.Op) { op.Store(framework.StoreOf[string, int]("seen")) },
		"timers":     func(op *framework.Op) { op.EventTimers(func(*framework.Meta, string) error { return nil }) },
		"OnCommit":   func(op *framework.Op) { op.OnCommit(func() error { return nil }) },
		"OnDrain":    func(op *framework.Op) { op.OnDrain(func() error { return nil }) },
		"Every":      func(op *framework.Op) { op.Every(time.Second, func(time.Time) error { return nil }) },
	} {
		d := timing(t, func(op *framework.Op, next emit) emit {
			return func(m *framework.Meta, k string, n int) error {
				late(op)
				return next(m, k, n)
			}
		})
		err := d.TryPipe(numbers, "a", 1, at(5))
		if err == nil || !strings.Contains(err.Error(), what+": ask for it where the operator is built") || !strings.Contains(err.Error(), "process quiet") {
			t.Errorf("%s: the error is %v", what, err)
		}
	}
}
