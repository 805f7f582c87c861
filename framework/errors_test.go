package framework_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// errBroken is what fails in tests.
var errBroken = errors.New("broken on purpose")

func broken(int) (int, error) { return 0, errBroken }

func TestAPanicInAFunctionBecomesAnErrorThatNamesOperatorAndRecord(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Filter(even).Map(func(n int) int {
			if n == 4 {
				panic(errBroken)
			}
			return n
		}).Named("fragile").To(results)
	})
	pipeText(d, "in", "a=1@0 a=2@0")
	err := d.TryPipeRaw("in", rawOf("a=4@0"))
	var named *framework.OperatorError
	if !errors.As(err, &named) || !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	if want := "operator map fragile, topic in, partition 0, offset 2: panic: broken on purpose"; named.Error() != want {
		t.Errorf("got  %s\nwant %s", named, want)
	}
	if !strings.Contains(named.Stack, "errors_test.go") {
		t.Errorf("the stack does not show where it panicked:\n%s", named.Stack)
	}
}

func TestAnErrorAtTheEndOfARoundNamesTheOperatorAndNoRecord(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().Count("counts").Stream().TryMap(func(int64) (int, error) { return 0, errBroken }).To(results)
	})
	const want = "operator try-map 3, at no record: broken on purpose"
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// unwritable is a codec that writes nothing.
var unwritable = codec.New("unwritable",
	func(dst []byte, _ int) ([]byte, error) { return dst, errBroken },
	func([]byte) (int, error) { return 0, errBroken })

func TestAPartialResultThatCannotBeEncodedNamesItsOperator(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(lines)
		s.GroupBy(strings.ToLower).Aggregate("sizes", framework.Fold(0, func(n int, s string) int { return n + len(s) }).
			Merge(framework.Add[int]).Codec(unwritable))
		s.To(frameworktest.Topic("copy", codec.None, codec.String)) // entered last
	})
	const want = "operator combine sizes, at no record: encode the partial result as unwritable: broken on purpose"
	if err := d.TryPipe(lines, framework.None{}, "x", at(0)); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestAStoreThatCannotBeEncodedNamesItsOperator(t *testing.T) {
	panicking := codec.New("panicking", func([]byte, int) ([]byte, error) { panic("no") }, func([]byte) (int, error) { return 0, nil })
	for values, want := range map[codec.Codec[int]]string{
		unwritable: "operator aggregate sums, at no record: store sums: encode the value of a key as unwritable: broken on purpose",
		panicking:  "operator aggregate sums, at no record: panic: no",
	} {
		d := frameworktest.New(t, func(t *framework.Topology) {
			s := t.From(numbers)
			s.Grouped().Emit(framework.EveryUpdate).Aggregate("sums", framework.Sum[int]().Codec(values))
			s.To(results) // entered last
		})
		if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestAKeyThatCannotBeEncodedNamesItsOperator(t *testing.T) {
	mute := codec.New("mute", func(dst []byte, _ string) ([]byte, error) { return dst, errBroken }, func([]byte) (string, error) { return "", nil })
	for want, end := range map[string]func(framework.Grouped[string, int]){
		"operator combine counts, topic in, partition 0, offset 0: encode the key as mute: broken on purpose":   func(g framework.Grouped[string, int]) { g.Count("counts") },
		"operator repartition sums, topic in, partition 0, offset 0: encode the key as mute: broken on purpose": func(g framework.Grouped[string, int]) { g.Reduce("sums", add) },
	} {
		d := frameworktest.New(t, func(t *framework.Topology) { end(t.From(numbers).KeyBy(parity).Codecs(mute, decimal).Grouped()) })
		if err := d.TryPipeRaw("in", rawOf("a=1@0")); !errors.Is(err, errBroken) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Codecs(mute, decimal).Grouped().Count("counts")
	})
	const want = "operator count counts, topic in, partition 0, offset 0: panic: store counts: encode a key as mute: broken on purpose"
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); !errors.Is(err, errBroken) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestARecordThatCannotBeEncodedForASinkNamesTheSink(t *testing.T) {
	for _, c := range []struct {
		sink framework.Topic[string, int]
		want string
	}{
		{
			frameworktest.Topic("out", codec.String, unwritable),
			"operator sink out, topic in, partition 0, offset 0: encode the value as unwritable: broken on purpose",
		},
		{
			frameworktest.Topic("out", codec.New("mute", func(dst []byte, _ string) ([]byte, error) { return dst, errBroken }, func([]byte) (string, error) { return "", nil }), decimal),
			"operator sink out, topic in, partition 0, offset 0: encode the key as mute: broken on purpose",
		},
	} {
		d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).To(c.sink) })
		if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestAHeaderWithTheReservedNameIsRefused(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).To(results) })
	r := rawOf("a=1@0")
	r.Headers = []framework.Header{{Key: "mr"}}
	const want = `operator sink out, topic in, partition 0, offset 0: the header "mr" is reserved: choose another name`
	if err := d.TryPipeRaw("in", r); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestErrorsOfSeveralBranchesAreJoined(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers)
		s.TryMap(broken).Named("left").To(results)
		s.TryMap(broken).Named("right").To(results)
	})
	const want = "operator try-map left, topic in, partition 0, offset 0: broken on purpose\n" +
		"operator try-map right, topic in, partition 0, offset 0: broken on purpose"
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); !errors.Is(err, errBroken) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
