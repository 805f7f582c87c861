package framework_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// TestWordCountEqualsABatchCount runs the README's program over random lines, with random partition counts, rounds of
// random size and restarts at random places. A failing seed is in the name of its test.
func TestWordCountEqualsABatchCount(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			partitions := 1 + r.IntN(5)
			d := frameworktest.Config{
				Partitions:   partitions,
				PartitionsOf: map[string]int{"word-counts": 1 + r.IntN(7)},
				CombineBytes: 1 + r.Int64N(2000),
			}.New(t, wordcount)
			want := map[string]int64{}
			latest := map[string]int64{} // event time
			for now := int64(0); now < 300; {
				d.Batch(func() {
					for range r.IntN(40) {
						now++
						line, time := randomLine(r), max(0, now-r.Int64N(20))
						for word := range strings.FieldsSeq(line) {
							word = strings.ToLower(word)
							want[word]++
							latest[word] = max(latest[word], time)
						}
						d.Pipe(lines, framework.None{}, line, at(time))
					}
				})
				if r.IntN(3) == 0 {
					d.Rebuild()
				}
			}
			equalContent(t, d, "counts", want)
			got, times := map[string]int64{}, map[string]int64{}
			for _, r := range d.Read(wordCounts) {
				if r.Value <= got[r.Key] {
					t.Errorf("%s: %d comes after %d", r.Key, r.Value, got[r.Key])
				}
				got[r.Key], times[r.Key] = r.Value, r.Time.UnixMilli()
			}
			if !maps.Equal(got, want) {
				t.Errorf("the sink ends with\n%v\nwant\n%v", got, want)
			}
			if !maps.Equal(times, latest) {
				t.Errorf("the sink's times are\n%v\nwant\n%v", times, latest)
			}
			equalDropped(t, d, map[string]int64{})
		})
	}
}

// randomLine returns words of which some come often, in any case.
func randomLine(r *rand.Rand) string {
	var words []string
	for range r.IntN(12) {
		word := fmt.Sprintf("w%d", int(r.ExpFloat64()*8))
		if r.IntN(4) == 0 {
			word = strings.ToUpper(word)
		}
		words = append(words, word)
	}
	return strings.Join(words, []string{" ", "  ", "\t"}[r.IntN(3)])
}

func TestTheSameCallsGiveTheSameBytes(t *testing.T) {
	run := func() (all []string) {
		d := frameworktest.Config{Partitions: 3}.New(t, wordcount)
		r := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			d.Batch(func() {
				for range 5 {
					d.Pipe(lines, framework.None{}, randomLine(r), at(r.Int64N(100)))
				}
			})
		}
		for _, topic := range []string{"word-counts", "test-counts-repartition", "test-counts-changelog"} {
			for _, r := range d.ReadRaw(topic) {
				all = append(all, fmt.Sprint(topic, r))
			}
		}
		return all
	}
	first := run()
	for range 5 {
		if again := run(); fmt.Sprint(first) != fmt.Sprint(again) {
			t.Fatal("the records differ")
		}
	}
}
