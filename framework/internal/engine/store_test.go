package engine

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/connector"
)

// pairs is a store of what it was given last.
type pairs map[string]string

func (p pairs) Name() string { return "pairs" }
func (p pairs) Bytes() int64 { return 0 }
func (p pairs) Len() int     { return len(p) }
func (p pairs) Flush(record func(key, value []byte, time int64) error) error {
	for k, v := range p {
		if err := record([]byte(k), []byte(v), 0); err != nil {
			return err
		}
	}
	return nil
}

func (p pairs) Restore(key, value []byte, _ int64) error {
	p[string(key)] = string(value)
	return nil
}

// storing returns a task with a store of a form, and what it logs.
func storing(t *testing.T, form string, content pairs) (*Task, []connector.Out) {
	t.Helper()
	var pool Pool
	task := NewTask(0, 0, nil)
	task.AddStore(content, form, 3)
	task.Begin(pool.NewArena())
	if err := task.Flush(); err != nil {
		t.Fatal(err)
	}
	return task, task.Ready().Changelog
}

func TestAChangelogSaysOnceWhatItIsOf(t *testing.T) {
	task, log := storing(t, "windows of 1h0m0s", pairs{"a": "1"})
	if len(log) != 2 || !IsForm(log[0].Key) || IsForm(log[1].Key) {
		t.Fatalf("the changelog has %v", log)
	}
	task.Done()
	if err := task.Flush(); err != nil || len(task.Ready().Changelog) != 1 {
		t.Errorf("%v, %v", task.Ready().Changelog, err)
	}
}

func TestAStoreThatWasRestoredDoesNotSayAgainWhatItIsOf(t *testing.T) {
	_, log := storing(t, "a table", pairs{"a": "1"})
	content := pairs{}
	task := NewTask(0, 0, nil)
	task.AddStore(content, "a table", 3)
	for _, o := range log {
		if err := task.Restore(o.Topic, o.Key, o.Value, o.Time); err != nil {
			t.Fatal(err)
		}
	}
	if len(content) != 1 || content["a"] != "1" {
		t.Errorf("the store has %q", content)
	}
	var pool Pool
	task.Begin(pool.NewArena())
	if err := task.Flush(); err != nil || len(task.Ready().Changelog) != 1 {
		t.Errorf("%v, %v", task.Ready().Changelog, err)
	}
}

func TestAChangelogOfSomethingElseIsRefused(t *testing.T) {
	_, log := storing(t, "windows of 1h0m0s", pairs{"a": "1"})
	task := NewTask(0, 0, nil)
	task.AddStore(pairs{}, "windows of 7m0s", 3)
	err := task.Restore(3, log[0].Key, log[0].Value, 0)
	if err == nil || !strings.Contains(err.Error(), "of windows of 1h0m0s, and the graph has windows of 7m0s") {
		t.Errorf("the error is %v", err)
	}
}
