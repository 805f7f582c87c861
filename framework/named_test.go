package framework_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestNamedGivesTheNodeANameInErrorsAndDescriptions(t *testing.T) {
	var description string
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).TryMap(broken).Named("parse").To(results)
		description = t.Describe().String()
	})
	const want = "operator try-map parse, topic in, partition 0, offset 0: broken on purpose"
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if !strings.Contains(description, "try-map parse [string, int] repeatable -> sink out") {
		t.Errorf("the description does not have the name:\n%s", description)
	}
}

func TestNamedLeavesTheNamesOfStoresAndTopics(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).GroupBy(parity).Count("counts").Stream().Named("words of a day").To(counts)
	})
	pipeText(d, "in", "a=1@0")
	d.Rebuild()
	equalContent(t, d, "counts", map[string]int64{"odd": 1})
	if len(d.ReadRaw("test-counts-changelog")) != 1 {
		t.Error("the changelog is not called after the store")
	}
}

func ExampleStream_Named() {
	numbers := frameworktest.Topic("numbers", codec.None, codec.Int)
	squares := frameworktest.Topic("squares", codec.None, codec.Int)
	t := framework.New()
	t.From(numbers).Map(func(n int) int { return n * n }).Named("square").To(squares)
	fmt.Print(t.Describe())
	// Output:
	// sub-topology 0
	//   source numbers [codec.NoKey, int] repeatable <- topic numbers -> map square
	//   map square [codec.NoKey, int] repeatable -> sink squares
	//   sink squares repeatable -> topic squares
}
