package file

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

// departure is a row with a time in it.
type departure struct {
	Flight string
	At     time.Time
}

func (d departure) at() time.Time { return d.At }

func TestTheEventTimeOfARowIsWhatItTells(t *testing.T) {
	folder := t.TempDir()
	csv := save(t, filepath.Join(folder, "in.csv"), "Flight,At\nUA1,2013-01-01T10:00:00Z\nUA2,0001-01-01T00:00:00Z\nUA3,2013-01-01T09:00:00Z\n")
	jsonl := save(t, filepath.Join(folder, "in.jsonl"), `{"Flight":"UA1","At":"2013-01-01T10:00:00Z"}`+"\n"+`{"Flight":"UA2"}`+"\n"+`{"Flight":"UA3","At":"2013-01-01T09:00:00Z"}`+"\n")
	for _, in := range []framework.Topic[framework.None, departure]{CSV[departure](csv), JSONLines[departure](jsonl)} {
		var got []string
		top := framework.New()
		top.From(in.EventTime(departure.at).OnBadTime(framework.Skip)).
			ForEachRecord(func(_ context.Context, r framework.Record[framework.None, departure]) error {
				got = append(got, r.Value.Flight+" "+r.Time.Format(time.TimeOnly))
				return nil
			})
		app, err := runBounded(top, Config{State: t.TempDir()})
		if want := []string{"UA1 10:00:00", "UA3 09:00:00"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q: %v", in.Name(), got, want, err)
		} else if dropped := app.Stats().Dropped["missing_time"]; dropped != 1 {
			t.Errorf("%s: %d dropped, want 1", in.Name(), dropped)
		}
	}
}

func TestABoundForEventTimesIsRefusedSinceFilesHaveOneTime(t *testing.T) {
	top := framework.New()
	top.From(JSONLines[departure]("in.jsonl").EventTime(departure.at).NoFurtherAhead(time.Hour)).Print()
	const want = "source in.jsonl: NoFurtherAhead compares event times with the records' own timestamps, and those of topic in.jsonl say nothing: leave it out"
	if _, err := top.Plan("app"); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDeadLettersAreLinesAsTheyWereRead(t *testing.T) {
	for name, c := range map[string]struct {
		in, content, part, want string
		graph                   func(in, dead, out string) *framework.Topology
	}{
		"of text": {
			"in.txt", "a\n\xff\xfe\nb\n", "part-000001.txt", "\xff\xfe\n",
			func(in, dead, out string) *framework.Topology {
				top := framework.New()
				top.From(Lines(in).OnBadRecord(framework.DeadLetter(dead))).To(Lines(out))
				return top
			},
		},
		"of JSON": {
			"in.jsonl", `{"Flight":"UA1"}` + "\n" + `{"Flight":` + "\n", "part-000001.jsonl", `{"Flight":` + "\n",
			func(in, dead, out string) *framework.Topology {
				top := framework.New()
				top.From(JSONLines[departure](in).OnBadRecord(framework.DeadLetter(dead))).To(JSONLines[departure](out))
				return top
			},
		},
		"of CSV, under their columns": {
			"in.csv", "Flight,At\nUA1,2013-01-01T10:00:00Z\nUA2,soon\n", "part-000001.csv", "Flight,At\nUA2,soon\n",
			func(in, dead, out string) *framework.Topology {
				top := framework.New()
				top.From(CSV[departure](in).OnBadRecord(framework.DeadLetter(dead))).To(CSV[departure](out))
				return top
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			in, dead, out := save(t, filepath.Join(folder, c.in), c.content), filepath.Join(folder, "dead"), filepath.Join(folder, "out")
			app, err := runBounded(c.graph(in, dead, out), Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got := app.Stats().Dropped["dead_letter"]; got != 1 {
				t.Errorf("%d dead letters, want 1", got)
			}
			files, _ := contents(t, dead)
			if got := files[c.part]; got != c.want {
				t.Errorf("dead letters %q, want %q", files, c.want)
			}
		})
	}
}

// The state of an application lies in the folder of its first sink: a policy that is set later must not move it.
func TestDeadLettersDoNotMoveTheState(t *testing.T) {
	folder := t.TempDir()
	in, out := save(t, filepath.Join(folder, "in.txt"), "a\nb\n"), filepath.Join(folder, "out")
	run := func(p framework.Policy) {
		top := framework.New()
		top.From(Lines(in).OnBadRecord(p)).To(Lines(out))
		if _, err := runBounded(top, Config{}); err != nil {
			t.Fatal(err)
		}
	}
	run(framework.Fail)
	run(framework.DeadLetter(filepath.Join(folder, "dead")))
	if lines, err := written(out); err != nil || strings.Join(lines, " ") != "a b" {
		t.Errorf("the second run wrote again: %q, %v", lines, err)
	}
}

func runBounded(top *framework.Topology, c Config) (*framework.App, error) {
	app, err := top.Build(framework.Config{
		Name: "app", Connectors: []connector.Connector{New(c)}, Workers: 1, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return app, app.Run(context.Background())
}
