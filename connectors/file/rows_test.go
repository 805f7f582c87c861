package file

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

type person struct {
	Name string `csv:"name" json:"name"`
	Age  int    `csv:"age" json:"age"`
	Note string `csv:"note,omitempty" json:"note,omitempty"`
}

// readAll returns what is read of a source.
func readAll[V any](t *testing.T, in framework.Topic[framework.None, V]) (got []V, dropped map[string]int64, err error) {
	t.Helper()
	topology := framework.New()
	topology.From(in).ForEach(func(_ context.Context, v V) error { got = append(got, v); return nil })
	app, err := topology.Build(framework.Config{
		Name: "app", Connectors: []connector.Connector{New(Config{State: t.TempDir()})}, Workers: 1, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = app.Run(context.Background())
	return got, app.Stats().Dropped, err
}

func TestRowsAreReadByTheNamesOfTheirColumns(t *testing.T) {
	folder := t.TempDir()
	save(t, filepath.Join(folder, "1.csv"), "name,age,note\nann,1,x\nbob,2,\n")
	save(t, filepath.Join(folder, "2.csv"), "\xef\xbb\xbfnote,unknown,age,name\r\n\r\n\"a \"\"quoted\"\"\nnote, with a comma\",?,3,cid\r\n")
	save(t, filepath.Join(folder, "3.csv.gz"), packed(t, compressGzip, "age,name,note\n4,dan,\"\n\"\n"))
	save(t, filepath.Join(folder, "4.csv"), "name,age,note\n")
	save(t, filepath.Join(folder, "5.csv"), "")
	got, _, err := readAll(t, CSV[person](filepath.Join(folder, "*")))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b person) int { return a.Age - b.Age })
	want := []person{{"ann", 1, "x"}, {"bob", 2, ""}, {"cid", 3, "a \"quoted\"\nnote, with a comma"}, {"dan", 4, "\n"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARowThatIsNoneIsOneBadRecord(t *testing.T) {
	for name, row := range map[string]string{
		"a quote within a field":   `bad"ly quoted,2,x`,
		"more after a quote":       `"bad"ly,2,x`,
		"a field that is missing":  `bad`,
		"a field too many":         `bad,1,x,y`,
		"a number that is none":    `bad,many,x`,
		"a quote that never ends?": `bad,"1""`,
	} {
		folder := t.TempDir()
		in := CSV[person](save(t, filepath.Join(folder, "in.csv"), "name,age,note\nann,1,x\n"+row+"\nbob,2,y\n"))
		_, _, err := readAll(t, in)
		if !errors.Is(err, framework.ErrUndecodable) {
			t.Errorf("%s: want an undecodable record, got %v", name, err)
		}
		got, dropped, err := readAll(t, in.OnBadRecord(framework.Skip))
		want := []person{{"ann", 1, "x"}, {"bob", 2, "y"}}
		if strings.HasSuffix(name, "?") {
			want = want[:1] // it takes all that follows
		}
		if err != nil || !slices.Equal(got, want) || dropped["undecodable"] != 1 {
			t.Errorf("%s: got %v, dropped %v, %v", name, got, dropped, err)
		}
	}
}

func TestAColumnThatIsMissingIsNamed(t *testing.T) {
	_, _, err := readAll(t, CSV[person](save(t, filepath.Join(t.TempDir(), "in.csv"), "name,note\nann,x\n")))
	if !errors.Is(err, framework.ErrUndecodable) || !strings.Contains(err.Error(), "age") {
		t.Fatal(err)
	}
}

func TestRowsComeBackAsTheyWereWritten(t *testing.T) {
	folder := t.TempDir()
	people := []person{{"ann", 1, ""}, {"b,o\"b", -2, "two\nlines"}, {"", 0, "\""}, {" c ", 3, "ü,\r"}}
	var text strings.Builder
	for i := range people {
		text.WriteString(string(rune('0'+i)) + "\n")
	}
	in := save(t, filepath.Join(folder, "in.txt"), text.String())
	for _, by := range []string{"", compressGzip, compressZstd} {
		csv, jsonl := filepath.Join(folder, "csv"+by), filepath.Join(folder, "jsonl"+by)
		err := runGraph(New(Config{PartBytes: 30}), func(t *framework.Topology) {
			all := t.From(Lines(in)).Map(func(s string) person { return people[s[0]-'0'] })
			all.To(CSV[person](csv, Compress(by)))
			all.To(JSONLines[person](jsonl, Compress(by)))
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range []framework.Topic[framework.None, person]{CSV[person](csv + "/part-*"), JSONLines[person](jsonl + "/part-*")} {
			got, _, err := readAll(t, topic)
			slices.SortFunc(got, func(a, b person) int { return slices.Index(people, a) - slices.Index(people, b) }) // files are read in turn
			if err != nil || !slices.Equal(got, people) {
				t.Errorf("%s: got %v, want %v: %v", topic.Name(), got, people, err)
			}
		}
		if by == "" {
			files, _ := contents(t, csv)
			want := map[string]string{
				"part-000001.csv": "name,age,note\nann,1,\n\"b,o\"\"b\",-2,\"two\nlines\"\n",
				"part-000002.csv": "name,age,note\n,0,\"\"\"\"\n\" c \",3,\"ü,\r\"\n",
			}
			if !maps.Equal(files, want) {
				t.Errorf("got %q, want %q", files, want)
			}
		}
	}
}

func TestARowOfOneEmptyColumnIsNoEmptyLine(t *testing.T) {
	type one struct{ Word string }
	c := newRows[one]()
	b, err := c.Append(nil, one{})
	if err != nil || string(b) != "Word\n\"\"" {
		t.Fatalf("%q, %v", b, err)
	}
	if v, err := c.Decode(b); err != nil || v != (one{}) {
		t.Fatal(v, err)
	}
}

func TestEmptyLinesBetweenJSONValuesArePassedOver(t *testing.T) {
	in := save(t, filepath.Join(t.TempDir(), "in.jsonl"), "\xef\xbb\xbf{\"name\":\"ann\",\"age\":1}\n\n  \r\n{\"name\":\"bob\",\"age\":2}\n\n")
	got, _, err := readAll(t, JSONLines[person](in))
	if err != nil || !slices.Equal(got, []person{{"ann", 1, ""}, {"bob", 2, ""}}) {
		t.Fatal(got, err)
	}
}

func TestDecodersOfHeadersAreKept(t *testing.T) {
	c := newRows[person]()
	row := []byte("note,age,name\nx,1,ann")
	for range 3 {
		if v, err := c.Decode(row); err != nil || v != (person{"ann", 1, "x"}) {
			t.Fatal(v, err)
		}
	}
	if len(c.decoders) != 1 {
		t.Errorf("there are %d", len(c.decoders))
	}
	if allocs := testing.AllocsPerRun(100, func() {
		if _, err := c.Decode(row); err != nil {
			t.Fatal(err)
		}
	}); allocs > 8 { // 3, and more under the race detector, which empties pools
		t.Errorf("%.0f allocations a row", allocs)
	}
}

func FuzzRows(f *testing.F) {
	f.Add("name,age\nann,1")
	f.Add("\"a\nb\",age\n\"x\"\"y\",1")
	f.Add("name,age,note\n\"")
	c := newRows[person]()
	f.Fuzz(func(t *testing.T, text string) {
		v, err := c.Decode([]byte(text))
		if err != nil {
			return
		}
		b, err := c.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Decode(b)
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%v became %v by %q: %v", v, again, b, err)
		}
	})
}
