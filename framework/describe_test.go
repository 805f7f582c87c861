package framework_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var wordCounts = frameworktest.Topic("word-counts", codec.String, codec.Int64)

// wordcount is the program of the README.
func wordcount(t *framework.Topology) {
	t.From(lines).
		FlatMap(strings.Fields).
		GroupBy(strings.ToLower).
		Count("counts").
		Stream().
		To(wordCounts)
}

func TestTheDescriptionNamesNodesTypesTopicsAndStores(t *testing.T) {
	top := framework.New()
	wordcount(top)
	if _, err := top.Plan("app"); err != nil { // operators have run: their stores are known
		t.Fatal(err)
	}
	const want = `sub-topology 0
  source lines [codec.NoKey, string] repeatable <- topic lines -> flat-map 1
  flat-map 1 [codec.NoKey, string] repeatable -> key-by 2
  key-by 2 [string, string] repeatable -> combine counts
  combine counts repeatable -> topic <application>-counts-repartition
sub-topology 1
  repartitioned counts [string, int64] repeatable <- topic <application>-counts-repartition -> count counts
  count counts [string, int64] repeatable -> sink word-counts (store counts)
  sink word-counts repeatable -> topic word-counts
`
	if got := top.Describe().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheDescriptionShowsEachInputOfAnOperatorAndItsStores(t *testing.T) {
	top := framework.New()
	s := top.From(numbers)
	s.CombineLatest("both", s, tens).ToOneOf(bySize, results, more)
	s.Process2("", top.From(third), ownMerge).Print()
	if _, err := top.Plan("app"); err != nil {
		t.Fatal(err)
	}
	const want = `sub-topology 0
  source in [string, int] repeatable <- topic in -> combine-latest both, combine-latest both, process2 6
  combine-latest both [string, int] repeatable -> to-one-of 2 (store both-1) (store both-2)
  to-one-of 2 [string, int] repeatable -> sink out, sink more
  sink out repeatable -> topic out
  sink more repeatable -> topic more
  source third [string, int] repeatable <- topic third -> process2 6
  process2 6 [string, int] repeatable -> print 7
  print 7 repeatable
`
	if got := top.Describe().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheDescriptionAsMermaidShowsNodesAndTopics(t *testing.T) {
	top := framework.New()
	wordcount(top)
	const want = `flowchart TD
  subgraph s0 ["sub-topology 0"]
    n0["source lines"]
    n1["flat-map 1"]
    n2["key-by 2"]
    n3["combine counts"]
  end
  subgraph s1 ["sub-topology 1"]
    n4["repartitioned counts"]
    n5["count counts"]
    n6["sink word-counts"]
  end
  t0[("lines")]
  t0 --> n0
  n0 --> n1
  n1 --> n2
  n2 --> n3
  t1[("#60;application#62;-counts-repartition")]
  n3 --> t1
  t1 --> n4
  n4 --> n5
  n5 --> n6
  t2[("word-counts")]
  n6 --> t2
`
	if got := top.Describe().Mermaid(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheDescriptionOfOneTopologyIsAlwaysTheSame(t *testing.T) {
	var hashes []uint64
	for range 3 {
		top := framework.New()
		wordcount(top)
		plan, err := top.Plan("app")
		if err != nil {
			t.Fatal(err)
		}
		again, err := top.Plan("app")
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, plan.Hash, again.Hash)
	}
	for _, h := range hashes {
		if h != hashes[0] {
			t.Fatalf("hashes differ: %x", hashes)
		}
	}
	other := framework.New()
	other.From(lines).FlatMap(strings.Fields).GroupBy(strings.ToLower).Emit(framework.EveryUpdate).Count("other").To(wordCounts)
	if plan, err := other.Plan("app"); err != nil || plan.Hash == hashes[0] {
		t.Errorf("another topology has the same hash: %v", err)
	}
}

func ExampleDescription() {
	t := framework.New()
	t.From(lines).FlatMap(strings.Fields).GroupBy(strings.ToLower).Count("counts").To(wordCounts)
	fmt.Print(t.Describe())
	// Output:
	// sub-topology 0
	//   source lines [codec.NoKey, string] repeatable <- topic lines -> flat-map 1
	//   flat-map 1 [codec.NoKey, string] repeatable -> key-by 2
	//   key-by 2 [string, string] repeatable -> combine counts
	//   combine counts repeatable -> topic <application>-counts-repartition
	// sub-topology 1
	//   repartitioned counts [string, int64] repeatable <- topic <application>-counts-repartition -> count counts
	//   count counts [string, int64] repeatable -> sink word-counts
	//   sink word-counts repeatable -> topic word-counts
}
