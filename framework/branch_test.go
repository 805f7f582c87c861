package framework_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var others = frameworktest.Topic("others", codec.String, decimal)

func TestAHandleUsedTwiceBranchesTheStream(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers).Map(double)
		s.To(results)
		s.Map(double).To(others)
	})
	pipeText(d, "in", "a=1@10 b=2@20")
	if got, want := readText(d, "out"), "a=2@10 b=4@20"; got != want {
		t.Errorf("one branch: %s, want %s", got, want)
	}
	if got, want := readText(d, "others"), "a=4@10 b=8@20"; got != want {
		t.Errorf("the other branch: %s, want %s", got, want)
	}
}

func TestATopicReadTwiceIsOneStreamUsedTwice(t *testing.T) {
	var calls int
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).To(results)
		t.From(numbers).Peek(func(int) { calls++ }).To(others)
	})
	pipeText(d, "in", "a=1@10")
	if got := readText(d, "out") + " " + readText(d, "others"); got != "a=1@10 a=1@10" || calls != 1 {
		t.Errorf("got %s with %d calls", got, calls)
	}
}

func TestEachBranchGetsARecordThatAnotherOneFailedOn(t *testing.T) {
	var seen []int
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers)
		s.TryMap(broken).To(results)
		s.ForEach(func(_ context.Context, n int) error { seen = append(seen, n); return nil })
	})
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil {
		t.Error("the error is lost")
	}
	if !slices.Equal(seen, []int{1}) {
		t.Errorf("the other branch saw %v", seen)
	}
}

func TestWhatOneBranchDoesIsNotSeenInAnother(t *testing.T) {
	look := func(into *[]string) func(context.Context, framework.Record[string, []string]) error {
		return func(_ context.Context, r framework.Record[string, []string]) error {
			line := r.Key + " " + strings.Join(r.Value, ",") + " " + fmt.Sprint(r.Time.UnixMilli())
			for _, h := range r.Headers {
				line += " " + h.Key + "=" + string(h.Value)
			}
			*into = append(*into, line)
			return nil
		}
	}
	change := func(name string) func(context.Context, framework.Record[string, []string]) (framework.Record[string, []string], error) {
		return func(_ context.Context, r framework.Record[string, []string]) (framework.Record[string, []string], error) {
			r.Time = at(99)
			r.Headers = append(r.Headers, framework.Header{Key: name})
			r.Value = append(slices.Clip(r.Value), name)
			return r, nil
		}
	}
	list := frameworktest.Topic("lists", codec.String, codec.JSON[[]string]())
	var first, second, third []string
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(list)
		s.MapRecord(change("one")).ForEachRecord(look(&first))
		s.MapRecord(change("two")).ForEachRecord(look(&second))
		s.KeyBy(func([]string) int { return 1 }).ForEach(func(context.Context, []string) error { return nil })
		s.ForEachRecord(look(&third))
	})
	d.PipeRecord(list, framework.Record[string, []string]{
		Key: "k", Value: []string{"x"}, Time: at(5), Headers: []framework.Header{{Key: "h", Value: []byte("v")}},
	})
	for _, c := range []struct {
		got  []string
		want string
	}{{first, "k x,one 99 h=v one="}, {second, "k x,two 99 h=v two="}, {third, "k x 5 h=v"}} {
		if !slices.Equal(c.got, []string{c.want}) {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// A branch is a handle that is used twice.
func ExampleStream_branch() {
	numbers := frameworktest.Topic("numbers", codec.None, codec.Int)
	evens := frameworktest.Topic("evens", codec.None, codec.Int)
	squares := frameworktest.Topic("squares", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		s := t.From(numbers)
		s.Filter(func(n int) bool { return n%2 == 0 }).To(evens)
		s.Map(func(n int) int { return n * n }).To(squares)
	})
	pipe(d, numbers, 1, 2, 3, 4)
	fmt.Println(values(d.Read(evens)), values(d.Read(squares)))
	// Output: [2 4] [1 4 9 16]
}
