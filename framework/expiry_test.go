package framework_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// within counts the records of a key that came within ten milliseconds of event time of each other.
func within(op *framework.Op, next emit) emit {
	store := op.Store(framework.StoreOf[string, int]("seen").TTL(10 * time.Millisecond))
	return func(m *framework.Meta, k string, _ int) error {
		n, _ := store.Get(k)
		store.Put(k, n+1)
		return next(m, k, n+1)
	}
}

func TestAnEntryEndsByTheTimeOfTheRecordThatLooksForIt(t *testing.T) {
	d := timing(t, within)
	pipeText(d, "in", "a=0@5 a=0@14 a=0@24 a=0@20 a=0@33 b=0@5")
	wantText(t, d, "one tick before, at the time, and behind it", "a=1@5 a=2@14 a=1@24 a=2@20 a=3@33 b=1@5")
}

func TestWhatHasEndedIsRemovedWhenTheWatermarkIsThere(t *testing.T) {
	d := timing(t, within)
	pipeText(d, "in", "a=0@5 b=0@9")
	d.ReadRaw("test-seen-changelog")
	for _, is := range []struct {
		watermark int64
		removed   string
	}{{14, ""}, {15, "a"}, {18, ""}, {19, "b"}} {
		d.AdvanceWatermark(at(is.watermark))
		removed := ""
		for _, r := range d.ReadRaw("test-seen-changelog") {
			if removed += string(r.Key); r.Value != nil {
				t.Errorf("at %d %s is set", is.watermark, r.Key)
			}
		}
		if removed != is.removed {
			t.Errorf("at %d %q is removed, want %q", is.watermark, removed, is.removed)
		}
	}
}

func TestATTLOfNothingIsABuildError(t *testing.T) {
	topology := framework.New()
	topology.From(numbers).Process("quiet", func(op *framework.Op, next emit) emit {
		op.Store(framework.StoreOf[string, int]("seen").TTL(0))
		return next
	}).To(results)
	if _, err := topology.Plan("app"); err == nil || !strings.Contains(err.Error(), "store seen: TTL(0s): give it a millisecond or more") {
		t.Errorf("the build says %v", err)
	}
}

// Greet each visitor once an hour: who comes again sooner is known. An hour is one of event time, so that every run greets the same.
func ExampleStore_TTL() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Process("greet", func(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
			known := op.Store(framework.StoreOf[string, string]("known").TTL(time.Hour))
			return func(m *framework.Meta, page, visitor string) error {
				if _, twice := known.Get(visitor); twice {
					return nil
				}
				known.Put(visitor, page)
				return next(m, page, visitor)
			}
		}).ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
			fmt.Println(timeOfDay(r.Time), r.Value)
			return nil
		})
	})
	visit(d, "1 ann", "2 bob", "30 ann", "61 ann")
	// Output:
	// 12:01 ann
	// 12:02 bob
	// 13:01 ann
}
