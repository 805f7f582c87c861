package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func headerOf(r frameworktest.Raw, key string) string {
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func TestADeadLetterIsTheRecordAsItWasReadAndSaysWhy(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers.OnBadRecord(framework.DeadLetter("dead"))).Map(double).To(results)
	})
	pipeText(d, "in", "a=1@10")
	d.PipeRaw("in", frameworktest.Raw{
		Key: []byte("k\xff"), Value: []byte("one"), Time: at(20),
		Headers: []framework.Header{{Key: "h", Value: []byte("v")}, {Key: "none"}, {Key: "mr", Value: []byte("x")}, {Key: "dlq.topic", Value: []byte("an earlier one")}},
	})
	pipeText(d, "in", "a=2@30")
	if got, want := readText(d, "out"), "a=2@10 a=4@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	letters := d.ReadRaw("dead")
	if len(letters) != 1 || string(letters[0].Key) != "k\xff" || string(letters[0].Value) != "one" || !letters[0].Time.Equal(at(20)) {
		t.Fatalf("dead letters %v", letters)
	}
	const want = `[{"h" "v"} {"none" ""} {"mr" "x"} {"dlq.topic" "an earlier one"} ` +
		`{"dlq.topic" "in"} {"dlq.partition" "0"} {"dlq.offset" "1"} {"dlq.timestamp" "20"} {"dlq.operator" "source in"} {"dlq.reason" "undecodable"} ` +
		`{"dlq.error" "undecodable record: its value is no decimal: strconv.Atoi: parsing \"one\": invalid syntax"}]`
	if got := fmt.Sprintf("%q", letters[0].Headers); got != want {
		t.Errorf("headers\n     %s\nwant %s", got, want)
	}
	equalDropped(t, d, map[string]int64{"dead_letter": 1})
}

func TestADeadLetterKeepsWhatIsNullAndWhatIsEmpty(t *testing.T) {
	in := frameworktest.Topic("in", decimal, decimal).OnBadRecord(framework.DeadLetter("dead"))
	for _, c := range [][2][]byte{{[]byte("x"), nil}, {nil, []byte("x")}, {{}, {}}, {nil, {}}, {{}, nil}} {
		d := frameworktest.New(t, func(t *framework.Topology) { t.From(in).ForEach(nothing) })
		d.PipeRaw("in", frameworktest.Raw{Key: c[0], Value: c[1], Time: at(0)})
		got := d.ReadRaw("dead")
		if len(got) != 1 || fmt.Sprintf("%#v %#v", got[0].Key, got[0].Value) != fmt.Sprintf("%#v %#v", c[0], c[1]) {
			t.Errorf("%#v came out as %#v", c, got)
		}
	}
}

func TestADeadLetterHasATimestampThatBrokersTake(t *testing.T) {
	for name, c := range map[string]struct {
		topic    framework.Topic[string, string]
		in       string
		at       int64
		original string
	}{
		"its own":                            {moments.EventTime(momentOf), "a=100@9000 a=none@9001", 9001, "9001"},
		"its own, though the value's is bad": {moments.EventTime(momentOf), "a=100@9000 a=largest@9001", 9001, "9001"},
		"a negative one":                     {moments, "a=x@9000 a=x@-1", 9000, "-1"},
		"a negative one, where nothing was":  {moments, "a=x@-1", 0, "-1"},
		"the largest one":                    {moments, "a=x@9000 a=x@9223372036854775807", 9000, "9223372036854775807"},
		"the smallest one":                   {moments.EventTime(momentOf), "a=100@9000 a=none@-9223372036854775808", 100, "-9223372036854775808"},
	} {
		t.Run(name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) {
				t.From(c.topic.OnBadTime(framework.DeadLetter("dead"))).To(momentsOut)
			})
			pipeText(d, "in", c.in)
			got := d.ReadRaw("dead")
			if len(got) != 1 || got[0].Time.UnixMilli() != c.at || headerOf(got[0], "dlq.timestamp") != c.original {
				t.Errorf("got %v, want a letter of %d", got, c.at)
			}
		})
	}
}

// The letters are written before the round ends, so that reading again after a crash finds the same highest time.
func TestTheTimestampOfADeadLetterIsTheSameAfterARestart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(moments.OnBadTime(framework.DeadLetter("dead"))).To(momentsOut)
	})
	pipeText(d, "in", "a=x@9000 a=x@100")
	d.Rebuild()
	pipeText(d, "in", "a=x@-1")
	if got, want := readText(d, "dead"), "a=x@9000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestALongErrorIsCutInADeadLetter(t *testing.T) {
	picky := codec.New("picky", codec.String.Append, func([]byte) (string, error) { return "", errors.New(strings.Repeat("ü\xff", 2000)) })
	in := frameworktest.Topic("in", codec.String, picky).OnBadRecord(framework.DeadLetter("dead"))
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(in).To(momentsOut) })
	pipeText(d, "in", "a=x@0")
	got := headerOf(d.ReadRaw("dead")[0], "dlq.error")
	if len(got) > 1000 || len(got) < 500 || strings.Trim(got[len("undecodable record: its value is no picky: "):], "ü") != "" {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestDeadLettersOfAPartitionGoToOnePartition(t *testing.T) {
	in := frameworktest.Topic("in", codec.String, decimal).OnBadRecord(framework.DeadLetter("dead"))
	d := frameworktest.Config{PartitionsOf: map[string]int{"in": 5, "dead": 2}}.New(t, func(t *framework.Topology) { t.From(in).ForEach(nothing) })
	for i := range 50 {
		pipeText(d, "in", fmt.Sprintf("key%d=x@0", i))
	}
	from := map[string]bool{}
	for _, r := range d.ReadRaw("dead") {
		from[headerOf(r, "dlq.partition")] = true
		if p := headerOf(r, "dlq.partition"); fmt.Sprint(r.Partition) != map[string]string{"0": "0", "1": "1", "2": "0", "3": "1", "4": "0"}[p] {
			t.Errorf("a letter of partition %s is in partition %d", p, r.Partition)
		}
	}
	if len(from) != 5 {
		t.Errorf("letters of %d partitions, want 5", len(from))
	}
}

func TestSourcesShareATopicOfDeadLettersAndAPolicyHasItsOwn(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers.OnBadRecord(framework.DeadLetter("dead")).OnBadTime(framework.DeadLetter("early"))).To(results)
		t.From(more.OnBadRecord(framework.DeadLetter("dead")).OnBadTime(framework.DeadLetter("dead"))).To(others)
	})
	pipeText(d, "in", "a=x@0 b=1@-1")
	pipeText(d, "more", "c=x@0 d=1@-1")
	if got, want := readText(d, "dead"), "a=x@0 c=x@0 d=1@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := readText(d, "early"), "b=1@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheDescriptionShowsWhereDeadLettersGo(t *testing.T) {
	top := framework.New()
	top.From(numbers.OnBadRecord(framework.DeadLetter("dead"))).Map(double).To(results)
	const want = `sub-topology 0
  source in [string, int] repeatable <- topic in -> dead-letter dead, map 2
  dead-letter dead repeatable -> topic dead
  map 2 [string, int] repeatable -> sink out
  sink out repeatable -> topic out
`
	if got := top.Describe().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestBuildRefusesDeadLettersThatCannotBe(t *testing.T) {
	dead := numbers.OnBadRecord(framework.DeadLetter("dead"))
	for name, c := range map[string]struct {
		build func(*framework.Topology)
		want  string
	}{
		"that the graph reads": {func(t *framework.Topology) {
			t.From(dead).To(results)
			t.From(frameworktest.Topic("dead", codec.String, codec.String)).Print()
		}, "dead-letter dead: source dead reads the topic that dead letters are sent to, and would refuse them again: name another topic, and read it in another application"},
		"into their own topic": {func(t *framework.Topology) {
			t.From(numbers.OnBadTime(framework.DeadLetter("in"))).To(results)
		}, "dead-letter in: source in reads the topic that dead letters are sent to, and would refuse them again: name another topic, and read it in another application"},
		"into a repartition": {func(t *framework.Topology) {
			t.From(numbers.OnBadTime(framework.DeadLetter("app-again-repartition"))).Repartition("again").To(results)
		}, "dead-letter app-again-repartition: repartitioned again reads the topic that dead letters are sent to, and would refuse them again: name another topic, and read it in another application"},
		"among results": {func(t *framework.Topology) {
			t.From(numbers.OnBadRecord(framework.DeadLetter("out"))).To(results)
		}, "topic out is written as dead letters and as [string, int]"},
		"to nowhere": {func(t *framework.Topology) {
			t.From(numbers.OnBadRecord(framework.DeadLetter(""))).To(results)
		}, `dead-letter 1: topic name "": it is empty`},
		"of a stream that ends nowhere": {func(t *framework.Topology) {
			t.From(dead)
		}, "source in: nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate"},
	} {
		t.Run(name, func(t *testing.T) {
			top := framework.New()
			c.build(top)
			if _, err := top.Plan("app"); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// A run on a connector: the topic is made as wide as the source, and what was sent there is counted.
func TestAnApplicationCreatesTheTopicOfItsDeadLetters(t *testing.T) {
	c := memory.New()
	in := memory.Topic("in", codec.String, codec.String, memory.Partitions(3))
	if err := c.CreateTopic("in", 3); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if err := memory.Write(c, in, framework.Record[string, string]{Key: fmt.Sprint("key", i), Value: "x", Time: at(1)}); err != nil {
			t.Fatal(err)
		}
	}
	top := framework.New()
	top.From(memory.Topic("in", codec.String, decimal).OnBadRecord(framework.DeadLetter("dead"))).ForEach(nothing)
	app, err := top.Build(boundedOn(c, framework.Config{Name: "app"}))
	if err == nil {
		err = app.Run(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	letters, err := memory.Read(c, memory.Topic("dead", codec.String, codec.String))
	if err != nil || len(letters) != 30 || len(c.Logs("dead")) != 3 {
		t.Errorf("%d letters in %d partitions, want 30 in 3: %v", len(letters), len(c.Logs("dead")), err)
	}
	if got := app.Stats().Dropped["dead_letter"]; got != 30 {
		t.Errorf("%d counted, want 30", got)
	}
}

func ExampleDeadLetter() {
	prices := frameworktest.Topic("prices", codec.None, codec.JSON[float64]()).
		OnBadRecord(framework.DeadLetter("prices-dead"))
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(prices).ForEach(func(_ context.Context, p float64) error { fmt.Println(p); return nil })
	})
	for _, text := range []string{"1.5", "a lot", "2.5"} {
		d.PipeRaw("prices", frameworktest.Raw{Value: []byte(text), Time: time.Unix(1, 0)})
	}
	for _, letter := range d.ReadRaw("prices-dead") {
		fmt.Printf("%s, offset %s: %s\n", letter.Value, headerOf(letter, "dlq.offset"), headerOf(letter, "dlq.reason"))
	}
	// Output:
	// 1.5
	// 2.5
	// a lot, offset 1: undecodable
}
