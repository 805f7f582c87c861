package framework_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

// stateful passes records on and opens stores before.
func stateful(stores ...string) operator {
	return func(op *framework.Op, next emit) emit {
		for _, name := range stores {
			op.Store(framework.StoreOf[string, int](name))
		}
		return next
	}
}

func TestBuildRefusesATopologyWithAFault(t *testing.T) {
	text := frameworktest.Topic("in", codec.String, codec.String)
	for _, c := range []struct {
		name  string
		build func(*framework.Topology)
		want  string
	}{
		{
			"that reads nothing", func(*framework.Topology) {},
			"the topology reads nothing: begin with From(topic)",
		},
		{
			"whose stream ends nowhere", func(t *framework.Topology) { t.From(numbers).Map(double) },
			"map 1 (after [source in]): nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate",
		},
		{
			"whose source ends nowhere", func(t *framework.Topology) { t.From(numbers) },
			"source in: nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate",
		},
		{
			"whose branch ends nowhere", func(t *framework.Topology) { t.From(numbers).Split(even)[0].To(results) },
			"branch 3 (after [split 1]): nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate",
		},
		{
			"with an aggregate without name", func(t *framework.Topology) { t.From(numbers).Grouped().Count("") },
			"count 2 (after [group 1]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with an aggregate without name after a change of key", func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Reduce("", add) },
			"reduce 4 (after [key-by 1]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with a combined aggregate without name", func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Count("") },
			"count 4 (after [key-by 1]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with a table without name", func(t *framework.Topology) { t.Table("", numbers) },
			"table 1 (after [table-source in]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with a repartition without name", func(t *framework.Topology) { t.From(numbers).Repartition("").To(results) },
			"repartition 1 (after [source in]): it needs a name: its topic is called after it",
		},
		{
			"with an operator of the user's that keeps state without name", func(t *framework.Topology) {
				t.From(numbers).Process("", stateful("seen")).To(results)
			},
			"process 1 (after [source in]): it keeps state and needs a name",
		},
		{
			"with a name that no topic can have", func(t *framework.Topology) { t.From(numbers).Grouped().Count("words of a day") },
			"count words of a day: its name: a name of an application, store or repartition is part of topic names: 1 to 100 of a-z, A-Z, 0-9, '.', '_' and '-'",
		},
		{
			"with two aggregates of one name", func(t *framework.Topology) {
				t.From(numbers).Grouped().Count("counts")
				t.From(numbers).GroupBy(parity).Count("counts")
			},
			`count counts and count counts have a store of the same name "counts": each store has its own`,
		},
		{
			"with two repartitions of one name", func(t *framework.Topology) {
				t.From(numbers).Repartition("again").To(results)
				t.From(numbers).Repartition("again").To(others)
			},
			"repartition again and repartition again have the same name: their repartition topic would be one",
		},
		{
			"with a repartition called as an aggregate after a change of key", func(t *framework.Topology) {
				t.From(numbers).Repartition("x").To(results)
				t.From(numbers).GroupBy(parity).Count("x")
			},
			"repartition x and combine x have the same name: their repartition topic would be one",
		},
		{
			"with one store in two operators", func(t *framework.Topology) {
				t.From(numbers).Process("a", stateful("seen")).Process("b", stateful("seen")).To(results)
			},
			`process b and process a have a store of the same name "seen": each store has its own`,
		},
		{
			"with one store opened twice", func(t *framework.Topology) {
				t.From(numbers).Process("a", stateful("seen", "seen")).To(results)
			},
			`process a and process a have a store of the same name "seen": each store has its own`,
		},
		{
			"that groups by a key that is not there", func(t *framework.Topology) { t.From(lines).Grouped().Count("counts") },
			"group 1: grouped by the present key, but the stream of source lines has no key: use GroupBy(f)",
		},
		{
			"with a table of a stream without key", func(t *framework.Topology) { t.From(lines).Table("table") },
			"table table: a table has one value for each key, but the stream of source lines has no key: use KeyBy(f) before it",
		},
		{
			"with a float as key", func(t *framework.Topology) {
				t.From(numbers).GroupBy(func(n int) float64 { return float64(n) }).Count("counts")
			},
			"combine counts: its keys: key type float64: float64: NaN does not equal itself, and 0 and −0 are equal: key by an integer, such as cents, or by a string",
		},
		{
			"with a pointer in the key", func(t *framework.Topology) {
				type key struct{ At *int }
				t.From(numbers).KeyBy(func(n int) key { return key{&n} }).Repartition("again").To(frameworktest.Topic("out", codec.JSON[key](), decimal))
			},
			"repartition again: its keys: key type framework_test.key: At (*int): two pointers to equal values are not equal: key by the value itself",
		},
		{
			"with an interface as key", func(t *framework.Topology) {
				t.From(numbers).KeyBy(func(n int) any { return n }).Grouped().Reduce("sums", add)
			},
			"repartition sums: its keys: no codec for the interface interface {}: bytes do not tell which type to decode to: use a concrete type, or name a codec, made by codec.New",
		},
		{
			"with values that no codec can be inferred for", func(t *framework.Topology) {
				t.From(numbers).Map(func(int) chan int { return nil }).Table("channels")
			},
			"table channels: its values: no codec for chan int: it has no bytes that mean anything elsewhere: use another type, or name a codec, made by codec.New",
		},
		{
			"with a map that Fold would share", func(t *framework.Topology) {
				t.From(numbers).Grouped().Aggregate("seen", framework.Fold(map[int]bool{}, func(m map[int]bool, _ int) map[int]bool { return m }))
			},
			"aggregate seen: Fold would share one map[int]bool between all keys: use FoldNew with a function that makes a new one",
		},
		{
			"with a slice in a struct that Fold would share", func(t *framework.Topology) {
				type last struct{ Values []int }
				t.From(numbers).Grouped().Aggregate("last", framework.Fold(last{make([]int, 3)}, func(l last, _ int) last { return l }))
			},
			"aggregate last: in framework_test.last: Fold would share one []int between all keys: use FoldNew with a function that makes a new one",
		},
		{
			"with a map in an array that Fold would share", func(t *framework.Topology) {
				first := [2]map[string]int{1: {}}
				t.From(numbers).Grouped().Aggregate("maps", framework.Fold(first, func(m [2]map[string]int, _ int) [2]map[string]int { return m }))
			},
			"aggregate maps: in [2]map[string]int: Fold would share one map[string]int between all keys: use FoldNew with a function that makes a new one",
		},
		{
			"with a scan without name", func(t *framework.Topology) { t.From(numbers).Scan("", 0, add) },
			"scan 1 (after [source in]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with a scan without name after a change of key", func(t *framework.Topology) { t.From(numbers).KeyBy(parity).Scan("", 0, add) },
			"scan 4 (after [key-by 1]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with a map that Scan would share", func(t *framework.Topology) {
				t.From(numbers).Scan("seen", map[int]bool{}, func(m map[int]bool, _ int) map[int]bool { return m })
			},
			"scan seen: its first accumulator, of type map[int]bool, would be shared by all keys and changed in place: begin with one that holds no map, slice or pointer, or keep state of your own in a Process",
		},
		{
			"with an accumulator of a scan that no codec can be inferred for", func(t *framework.Topology) {
				t.From(numbers).Scan("any", any(nil), func(any, int) any { return nil })
			},
			"scan any: its values: no codec for the interface interface {}: bytes do not tell which type to decode to: use a concrete type, or name a codec, made by codec.New",
		},
		{
			"with a sliding window of no values", func(t *framework.Topology) { t.From(numbers).Sliding("last", 0, sum).To(results) },
			"sliding last: Sliding(0): the last values are at least 1",
		},
		{
			"with a sliding window of values that no codec can be inferred for", func(t *framework.Topology) {
				t.From(numbers).Map(func(int) chan int { return nil }).Sliding("last", 2, func([]chan int) int { return 0 })
			},
			"sliding last: its values: no codec for chan int: it has no bytes that mean anything elsewhere: use another type, or name a codec, made by codec.New",
		},
		{
			"with a combination without name", func(t *framework.Topology) { t.From(numbers).CombineLatest("", t.From(more), tens) },
			"combine-latest 2 (after [source in]): it keeps state and needs a name: its store and topics are called after it",
		},
		{
			"with a combination whose store is called as another one", func(t *framework.Topology) {
				t.From(numbers).CombineLatest("both", t.From(more), tens)
				t.From(numbers).Grouped().Count("both-2")
			},
			`combine-latest both and count both-2 have a store of the same name "both-2": each store has its own`,
		},
		{
			"with a combination of keys that are encoded in two ways", func(t *framework.Topology) {
				byNumber := t.From(frameworktest.Topic("by-number", decimal, decimal))
				t.From(numbers).KeyBy(double).CombineLatest("both", byNumber, tens)
			},
			"combine-latest both: its keys: they are encoded as int after repartitioned both-1 and as decimal after source by-number, which puts one key into two partitions: set one codec by Codecs",
		},
		{
			"with a combination of streams of two topologies", func(t *framework.Topology) {
				t.From(numbers).CombineLatest("both", framework.New().From(more), tens)
			},
			"combine-latest both: its input source more belongs to another topology",
		},
		{
			"with a combination that none of its streams triggers", func(t *framework.Topology) {
				framework.CombineLatestOn("both", 0, sum, t.From(numbers), t.From(more))
			},
			"combine-latest both: CombineLatestOn(0) of 2 streams: from 1 to all of them hand something on",
		},
		{
			"with a combination that more streams trigger than there are", func(t *framework.Topology) {
				framework.CombineLatestOn("both", 3, sum, t.From(numbers), t.From(more))
			},
			"combine-latest both: CombineLatestOn(3) of 2 streams: from 1 to all of them hand something on",
		},
		{
			"with an operator of two inputs that keeps state without name", func(t *framework.Topology) {
				t.From(numbers).Process2("", t.From(more), minus).To(results)
			},
			"process2 2 (after [source in]): it keeps state and needs a name",
		},
		{
			"with an operator of two inputs that keeps state after a change of key on one", func(t *framework.Topology) {
				t.From(numbers).Process2("minus", t.From(more).KeyBy(parity), minus).To(results)
			},
			"process2 minus: it keeps state by key, and the key changed before it: put Repartition(name) between",
		},
		{
			"with an operator of two inputs whose output ends nowhere", func(t *framework.Topology) {
				t.From(numbers).Process2("", t.From(more), ownMerge)
			},
			"process2 2 (after [source in]): nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate",
		},
		{
			"with no topics to choose from", func(t *framework.Topology) { t.From(numbers).ToOneOf(bySize) },
			"to-one-of 1: ToOneOf has no topics: name those that may be chosen",
		},
		{
			"with an empty topic to choose from", func(t *framework.Topology) {
				t.From(numbers).ToOneOf(bySize, results, framework.Topic[string, int]{})
			},
			"sink 3: its topic is empty: make topics with a connector's package, for example kafka.Topic",
		},
		{
			"with an operator of the user's that keeps state after a change of key", func(t *framework.Topology) {
				t.From(numbers).KeyBy(parity).Process("seen", stateful("seen")).To(results)
			},
			"process seen: it keeps state by key, and the key changed before it: put Repartition(name) between",
		},
		{
			"that reads one topic with two pairs of types", func(t *framework.Topology) {
				t.From(numbers).To(results)
				t.From(text).To(frameworktest.Topic("texts", codec.String, codec.String))
			},
			"topic in is read as [string, int] and as [string, string]: read it once, with one pair of types",
		},
		{
			"that reads one topic as a stream and as a table", func(t *framework.Topology) {
				t.From(numbers).To(results)
				t.Table("table", numbers)
			},
			"topic in is read as a stream and as a table: read it once, and make a table of the stream by Table(name)",
		},
		{
			"that writes one topic with two pairs of types", func(t *framework.Topology) {
				t.From(numbers).To(results)
				t.From(numbers).Map(func(int) string { return "" }).To(frameworktest.Topic("out", codec.String, codec.String))
			},
			"topic out is written as [string, int] and as [string, string]",
		},
		{
			"with an operator that panics", func(t *framework.Topology) {
				t.From(numbers).Process("careless", func(*framework.Op, emit) emit { panic("no settings") }).To(results)
			},
			"task 0_0: operator process careless panicked while it was built: no settings",
		},
		{
			"with streams of two topologies", func(t *framework.Topology) {
				t.From(numbers).Merge(framework.New().From(more)).To(results)
			},
			"merge 1: its input source more belongs to another topology",
		},
		{
			"with topics of two connectors", func(t *framework.Topology) {
				file := framework.NewTopic(connector.Factory{Kind: "file"}, connector.TopicSpec{Name: "lines.txt"}, codec.String, decimal)
				t.From(numbers).To(file)
			},
			"topics of several connectors in one graph: file has lines.txt; frameworktest has in; all topics of a graph are of one connector",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := framework.New()
			c.build(top)
			for range 2 { // a second try finds the same
				_, err := top.Plan("app")
				if err == nil {
					t.Fatalf("no fault found, want\n%s", c.want)
				}
				if err.Error() != c.want {
					t.Errorf("got  %s\nwant %s", err, c.want)
				}
			}
		})
	}
}

func TestBuildReportsAllFaultsAtOnce(t *testing.T) {
	top := framework.New()
	top.From(lines).Grouped().Count("by-nothing")
	top.From(lines).GroupBy(strings.ToLower).Count("")
	top.From(lines).GroupBy(func(string) float64 { return 1 }).Count("by-float")
	top.From(lines).Map(strings.ToUpper)
	_, err := top.Plan("an app")
	const want = `group 1: grouped by the present key, but the stream of source lines has no key: use GroupBy(f)
application name "an app": a name of an application, store or repartition is part of topic names: 1 to 100 of a-z, A-Z, 0-9, '.', '_' and '-'
count 6 (after [key-by 3]): it keeps state and needs a name: its store and topics are called after it
map 11 (after [source lines]): nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate
combine by-float: its keys: key type float64: float64: NaN does not equal itself, and 0 and −0 are equal: key by an integer, such as cents, or by a string`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestBuildReportsFaultsOfTheConfigurationAsWell(t *testing.T) {
	top := framework.New()
	top.From(numbers).Map(double)
	_, err := top.Build(framework.Config{Workers: -1, BudgetBytes: 7})
	const want = `a budget of 7 bytes is too small: at least 1048576, or 0 for the default
a number of the configuration is negative; 0 stands for the default
the application has no name: set Config.Name
map 1 (after [source in]): nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate
the topics are of the connector "frameworktest" and Config.Connectors has none of that kind`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
