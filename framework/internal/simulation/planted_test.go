package simulation_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var planted = flag.Bool("planted", false, "plant each bug in turn, and see that its test fails: some seconds each")

// plant is a bug: an edit of the sources, and the test that fails by it. A test of another directory is directory@test; flags may follow.
type plant struct {
	name, test string
	edits      []edit
}

// edit replaces text of a file, told from package framework, once.
type edit struct{ file, old, with string }

var plants = []plant{
	{"the watermark of the task that reads decides what is late", "TestWindowsOfWindowsDoNotDependOnLuck/two_topics_in_one_window", []edit{
		{"windowgate.go", "if m.Time >= m.Birth { // on time", "if m.Birth = op.o.task.Watermark(); m.Time >= m.Birth { // on time"},
	}},
	{"the watermark of the task that keeps the windows decides what is late", "TestWindowsDoNotDependOnLuck/tumbling$", []edit{
		{"windowspec.go", "return engine.Later(end, s.grace) > birth", "return true"},
		{"windowresults.go", "reason := engine.DropReplayed", "reason := engine.DropLate"},
	}},
	{"a window takes a record that is late by a tick", "TestWindowsDoNotDependOnLuck/tumbling$", []edit{
		{"windowspec.go", "return engine.Later(end, s.grace) > birth", "return engine.Later(end, s.grace) >= birth"},
	}},
	{"a window refuses a record that is on time by a tick", "TestWindowsDoNotDependOnLuck/tumbling$", []edit{
		{"windowspec.go", "return engine.Later(end, s.grace) > birth", "return engine.Later(end, s.grace) > birth+1"},
	}},
	{"a window closes a tick early", "../engine@TestScenarios/watermarks/01", []edit{
		{"windowspec.go", "return min(engine.Later(end, s.grace), last)", "return min(engine.Later(end, s.grace-1), last)"},
	}},
	{"a session takes what it could be near to", "TestWindowsDoNotDependOnLuck/session$", []edit{
		{"windowspec.go", "return engine.Later(at, s.grace) >= birth", "return engine.Later(at, s.gap+s.grace) >= birth"},
	}},
	{"the end of the merged session decides what is late", "TestWindowsDoNotDependOnLuck/session$", []edit{
		{"windowspec.go", "return engine.Later(at, s.grace) >= birth", "return true"},
		{"windowsession.go", "if s.meet(key, m.Time); len(s.near) > 0 {", `end := m.Time
	s.meet(key, m.Time)
	for _, near := range s.near {
		_, last, _ := r.store.Bounds(near)
		end = max(end, last)
	}
	if end+r.spec.grace < m.Birth {
		r.op.drop(dropNullKey)
		return nil
	}
	if len(s.near) > 0 {`},
	}},
	{"a session refuses a record that is on time by a tick", "TestWindowsDoNotDependOnLuck/session$", []edit{
		{"windowspec.go", "return engine.Later(at, s.grace) >= birth", "return engine.Later(at, s.grace) > birth"},
	}},
	{"a session closes early, by its gap", "TestWindowsDoNotDependOnLuck/session$", []edit{
		{"windowspec.go", "return min(engine.Later(engine.Later(end, s.gap), s.grace+1), last)", "return min(engine.Later(end, s.grace+1), last)"},
	}},
	{"a session closes a tick early", "../..@TestWindowScenarios/by_the_present_key/session/bounds", []edit{
		{"windowspec.go", "return min(engine.Later(engine.Later(end, s.gap), s.grace+1), last)", "return min(engine.Later(engine.Later(end, s.gap), s.grace), last)"},
	}},
	{"a partition that is paused is taken for idle", "../driver@TestAPausedPartitionIsNeverIdle", []edit{
		{"internal/driver/idle.go", "p.lag() == 0 && p.pauses == 0 }", "p.lag() == 0 }"},
	}},
	{"the birth watermark is lost in a repartition topic", "TestWindowsDoNotDependOnLuck/session$", []edit{
		{"internal/engine/frontier.go", "late, windowed := m.Birth > m.Time, m.Win", "late, windowed := false, m.Win"},
	}},
	{"nothing is held back behind a window", "TestWindowsOfWindowsDoNotDependOnLuck", []edit{
		{"holdback.go", "return engine.Later(b.before[n.id], n.delay)", "return engine.Later(b.before[n.id], 0)"},
	}},
	{"early results are held back as final ones are", "TestUpdatesOfWindowsAreOnTimeAtTheNextWindow/early", []edit{
		{"windowaggregate.go", "final := w.emit.onClose && w.emit.early == 0", "final := w.emit.onClose"},
	}},
	{"the watermark is told before the combiner is empty", "TestWindowsDoNotDependOnLuck/tumbling$", []edit{
		{"internal/engine/task.go", "	t.flushing = true\n", "	t.tell()\n	t.flushing = true\n"},
	}},
	{"the time of a source is not restored", "TestWindowsDoNotDependOnLuck/tumbling$", []edit{
		{"internal/engine/task.go", "in.time = times.At[0]", "_ = times.At[0]"},
	}},
	{"the frontier is not restored", "TestWindowsDoNotDependOnLuck/tumbling$", []edit{
		{"internal/engine/frontier.go", "	copy(next.at, times.At)\n", ""},
	}},
	{"the closed bound is not logged", "TestWindowsDoNotDependOnLuck/hopping$", []edit{
		{"state/bound.go", "	s.bounds = append(s.bounds, boundIn{now, to})\n", "	_ = now\n"},
	}},
	{"what is closed of a time is forgotten", "TestAStopWhileAGreatManyWindowsCloseLosesNoneAndRepeatsNone/(hopping|sliding)", []edit{
		{"windowresults.go", "r.store.CloseSome(closed, r.lastKey, r.lastStart)", "r.store.Close(closed - 1)"},
	}},
	{"windows that begin at one time are taken for one another", "TestWindowsDoNotDependOnLuck/days", []edit{
		{"state/spans.go", "		return end\n", "		return 0\n"},
	}},
	{"what is right behind a record is forgotten", "TestTheLastUpdateOfAWindowDoesNotDependOnLuck/each_update/sliding", []edit{
		{"windowsliding.go", "return s.mark(m, place, rightChanged)", "return nil"},
	}},
	{"an early result of a session that was taken in stays", "TestTheLastUpdateOfAWindowDoesNotDependOnLuck/early/session", []edit{
		{"windowresults.go", "if !r.emit.everyUpdate && !r.emit.onClose { // its round", "if !r.emit.everyUpdate { // its round"},
	}},
	{"the watermark passes what waits", "TestOperatorsThatKeepRecordsForLaterDoNotChangeWindows/a_rate_limit_between", []edit{
		{"internal/engine/watermark.go", "if t.lags = target > t.watermark && t.shut(); t.lags {", "if t.lags = false; t.lags {"},
		{"internal/engine/watermark.go", "		if t.shut() {\n			return nil\n		}\n		t.watermark = reached", "		t.watermark = reached"},
	}},
	{"the watermark passes what a restored store has due", "TestOperatorsThatKeepRecordsForLaterDoNotChangeWindows/a_rate_limit_between", []edit{
		{"internal/engine/task.go", "	t.sought = true //", "	t.advance() //"},
	}},
	{"a window is forgotten whose result is held", "TestOperatorsThatKeepRecordsForLaterDoNotChangeWindows/a_rate_limit_between", []edit{
		{"state/spanlog.go", "held := o.round >= released", "held := false && o.round >= released"},
	}},
}

// root is the directory of package framework.
const root = "../.."

// apply writes the files of a plant and returns the overlay that puts them into the place of the framework's.
func (p plant) apply(t *testing.T) (overlay string) {
	t.Helper()
	dir := t.TempDir()
	texts := map[string]string{}
	for _, e := range p.edits {
		path, err := filepath.Abs(filepath.Join(root, e.file))
		if err != nil {
			t.Fatal(err)
		}
		text, ok := texts[path]
		if !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			t.Fatalf("%s has %d times %q: the bug cannot be planted any more; find its place anew", e.file, n, e.old)
		}
		texts[path] = strings.Replace(text, e.old, e.with, 1)
	}
	replace := map[string]string{}
	for path, text := range texts {
		at := filepath.Join(dir, fmt.Sprintf("planted%d.go", len(replace)))
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path] = at
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// command returns the arguments of go that run the test of a plant.
func (p plant) command(overlay string) []string {
	words := strings.Fields(p.test)
	directory, test, elsewhere := strings.Cut(words[0], "@")
	if !elsewhere {
		directory, test = ".", words[0]
		words = append(words, "-seeds=60")
	}
	args := []string{"test", "-overlay", overlay, "-count=1", "-run", "^" + test}
	if len(words) > 1 && strings.HasPrefix(words[1], "-tags=") {
		args, words = append(args, words[1]), words[1:]
	}
	return append(append(args, directory), words[1:]...)
}

// complaint is what a test that fails says first.
var complaint = regexp.MustCompile(`\w+_test\.go:\d+: .*|panic: .*`)

// An invariant is trusted because a planted bug breaks it. Without -planted, or the build tag of that name, it is only seen that each can
// still be planted.
func TestEachPlantedBugIsCaught(t *testing.T) {
	for _, p := range slices.Concat(plants, plantsOfExactlyOnce) {
		t.Run(p.name, func(t *testing.T) {
			overlay := p.apply(t)
			if !*planted {
				return
			}
			out, err := exec.CommandContext(t.Context(), "go", p.command(overlay)...).CombinedOutput()
			switch text := string(out); {
			case err == nil:
				t.Errorf("%s passes", p.test)
			case !strings.Contains(text, "--- FAIL: Test"):
				t.Errorf("%s did not run: %v\n%s", p.test, err, text)
			default:
				t.Log(complaint.FindString(text))
			}
		})
	}
}

// What an abort undoes has its time undone, too: else what is read again is late that was not.
func TestTimeThatAnAbortDoesNotUndoIsCaught(t *testing.T) {
	g := one("tumbling", tumbling, onClose, 30)
	g.build()
	for seed := uint64(1); seed <= 60; seed++ {
		rng := seeded(seed)
		in := g.shape(rng).make(rng)
		want := g.want(in.facts(g.disorder))
		for i, s := range schedulesOf(rng, []mode{aborts}, 4) {
			s.plantTime = true
			if w := simulate(g, in, want, s, seed*1000+uint64(i)); len(w.wrong) > 0 {
				return
			}
		}
	}
	t.Error("nothing is wrong where source partitions keep the times that they had come to before an abort")
}
