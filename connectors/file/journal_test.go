package file

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/connector"
)

func journalOf(t testing.TB, content []byte) handle {
	t.Helper()
	name := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := system{}.Open(name, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestBatchesComeBackFromTheJournal(t *testing.T) {
	records := []connector.Record{
		{Offset: 7, Time: -1, Key: []byte("k"), Value: []byte("v"), Headers: []connector.Header{{Key: "h", Value: []byte{}}, {Key: "", Value: nil}}},
		{Offset: 9, Time: 1 << 60, Value: []byte{}},
		{Offset: 10, Key: []byte{}},
		{Offset: 1 << 40, Value: bytes.Repeat([]byte("x"), frameBytes)},
		{Offset: 1<<40 + 1, Value: []byte("last")},
	}
	in := []batch{
		{topic: "a", partition: 3, start: 5, end: 1<<40 + 2, records: records},
		{topic: "empty", partition: 0, start: 42, end: 42},
		{topic: "b", partition: 0, start: 7, end: 1<<40 + 2, records: records},
	}
	content := appendFrames(nil, in)
	got := map[string][]connector.Record{}
	err := readFrames(journalOf(t, append(content, "what is not committed"...)), int64(len(content)), func(b batch) error {
		if b.topic == "empty" && (b.start != 42 || b.end != 42) {
			t.Errorf("%v", b)
		}
		got[b.topic] = append(got[b.topic], b.records...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, map[string][]connector.Record{"a": records, "b": records, "empty": nil}) {
		t.Error("they differ")
	}
}

func TestAJournalThatIsDamagedIsRefused(t *testing.T) {
	content := appendFrames(nil, []batch{{topic: "a", start: 5, end: 7, records: []connector.Record{{Offset: 5, Value: []byte("some value")}, {Offset: 6}}}})
	ignore := func(batch) error { return nil }
	for i := range content {
		bad := bytes.Clone(content)
		bad[i] ^= 1
		if err := readFrames(journalOf(t, bad), int64(len(bad)), ignore); err == nil {
			t.Errorf("byte %d can be changed", i)
		}
		if err := readFrames(journalOf(t, content[:i]), int64(len(content)), ignore); err == nil {
			t.Errorf("%d bytes are enough", i)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte{0})
	f.Add(appendFrames(nil, []batch{{topic: "a", start: 5, end: 7, records: []connector.Record{{Offset: 5, Value: []byte("v")}}}})[frameHeader:])
	f.Fuzz(func(t *testing.T, body []byte) {
		d := &decoder{left: body}
		for len(d.left) > 0 && d.err == nil {
			d.batch()
		}
	})
}

// inside is a configuration with a source and two internal topics.
func inside(folder string) connector.WorkerConfig {
	return connector.WorkerConfig{
		Group: "app", Budget: 1 << 20, Sources: []connector.Source{{Topic: 0}, {Topic: 1}}, Groups: [][]int32{{0}, {1}},
		Topics: []connector.TopicSpec{
			{Name: filepath.Join(folder, "in.txt"), Role: connector.RoleSource},
			{Name: "app-x-repartition", Role: connector.RoleRepartition, Partitions: 1},
			{Name: "app-x-changelog", Role: connector.RoleChangelog, Partitions: 1},
		},
	}
}

func openInside(t *testing.T, folder string) (*files, connector.Worker) {
	t.Helper()
	f := open(Config{State: folder}, system{})
	admin, _ := f.Admin(t.Context())
	c := inside(folder)
	if err := admin.Create(t.Context(), c.Topics[1:]); err != nil {
		t.Fatal(err)
	}
	w, err := f.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Poll(t.Context(), 0, true); err != nil { // the assignment, without which it may not commit
		t.Fatal(err)
	}
	return f, w
}

func TestAJournalIsRewrittenAtTheStartWhenMostOfItIsDead(t *testing.T) {
	folder := t.TempDir()
	save(t, filepath.Join(folder, "in.txt"), "")
	random := rand.New(rand.NewPCG(1, 2))
	state := filepath.Join(folder, "app")
	last := ""
	for round := range 4 {
		f, w := openInside(t, folder)
		for range 30 {
			var outs []connector.Out
			for range 100 {
				last = strings.Repeat(string(rune('a'+random.IntN(26))), 1000)
				outs = append(outs, connector.Out{Topic: 1, Value: []byte(last)}, connector.Out{Topic: 2, Key: []byte("key"), Value: []byte(last)})
			}
			w.Write(outs, noError(t))
			end := f.jobs["app"].topics.log("app-x-repartition", 0).Span().End
			if err := w.Commit(t.Context(), []connector.Position{{Partition: connector.Partition{Topic: 1}, Offset: end}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		size := int64(0)
		names, _ := filepath.Glob(filepath.Join(state, "internal-*"))
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			size += info.Size()
		}
		if len(names) != 1 || size > 8<<20 {
			t.Fatalf("round %d: %d journals with %d bytes", round, len(names), size)
		}
	}
	f, w := openInside(t, folder)
	defer w.Close(t.Context())
	log := f.jobs["app"].topics.log("app-x-repartition", 0).Span()
	if log.End != 4*3000 || log.Start != 4*3000-100 {
		t.Errorf("the repartition topic has %d to %d", log.Start, log.End)
	}
	w.Restore([]connector.Restoration{{Partition: connector.Partition{Topic: 2}}})
	var value []byte
	for restored := false; !restored; {
		b, err := w.Poll(t.Context(), 0, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range b.Runs {
			for _, r := range run.Records {
				value = r.Value
			}
			restored = restored || run.Restored
		}
	}
	if string(value) != last {
		t.Errorf("the store has %.10q, want %.10q", value, last)
	}
}
