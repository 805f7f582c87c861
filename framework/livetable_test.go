package framework_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// terminal understands as much as a table needs: it keeps what is on its screen.
type terminal struct {
	lines  []string
	cursor int // line
	draws  int
}

func (t *terminal) Write(b []byte) (int, error) {
	t.draws++
	s := strings.NewReplacer("\x1b[?7l", "", "\x1b[?7h", "").Replace(string(b))
	if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
		var up int
		if _, err := fmt.Sscanf(rest, "%dA", &up); err != nil {
			return 0, err
		}
		t.cursor -= up
		_, s, _ = strings.Cut(rest, "A")
	}
	s, ok := strings.CutSuffix(strings.TrimPrefix(s, "\r"), "\x1b[J")
	if !ok || t.cursor < 0 {
		return 0, fmt.Errorf("a terminal does not understand %q at line %d", b, t.cursor)
	}
	t.lines = t.lines[:t.cursor]
	for line := range strings.SplitSeq(s, "\x1b[K\r\n") {
		t.lines = append(t.lines, line)
	}
	t.cursor = len(t.lines) - 1
	return len(b), nil
}

func (t *terminal) screen() string { return strings.Join(t.lines, "\n") }

func TestALiveTableShowsTheLastValueOfEachKeyInOrder(t *testing.T) {
	screen := &terminal{}
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		framework.Live(t.Table("last", numbers), screen, 80, 24)
	})
	for _, step := range []struct{ in, want string }{
		{"b=1@0", "b  1\n"},
		{"a=2@0 longer=3@0", "a       2\nb       1\nlonger  3\n"},
		{"b=4@0 longer=-@0", "a  2\nb  4\n"},
		{"none=-@0", "a  2\nb  4\n"},
		{"a=-@0 b=-@0", ""},
	} {
		if pipeText(d, "in", step.in); screen.screen() != step.want {
			t.Errorf("after %s the screen shows\n%s\nwant\n%s", step.in, screen.screen(), step.want)
		}
	}
}

func TestALiveTableIsCutToItsTerminal(t *testing.T) {
	screen := &terminal{}
	d := frameworktest.New(t, func(t *framework.Topology) { framework.Live(t.Table("last", numbers), screen, 9, 4) })
	pipeText(d, "in", "a=123456789@0 ö=1@0")
	if want := "a  123456\nö  1\n"; screen.screen() != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", screen.screen(), want)
	}
	pipeText(d, "in", "b=2@0 c=3@0 d=4@0")
	if want := "a  123456\nb  2\n… and 3 m\n"; screen.screen() != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", screen.screen(), want)
	}
}

func TestALiveTableIsDrawnAtMostTenTimesASecondWithinARoundAndAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		screen := &terminal{}
		d := frameworktest.New(t, func(t *framework.Topology) {
			counts := t.From(numbers).Peek(func(int) { time.Sleep(10 * time.Millisecond) }).
				Grouped().Emit(framework.EveryUpdate).Count("counts")
			framework.Live(counts, screen, 80, 24)
		})
		d.Batch(func() { pipeText(d, "in", strings.Repeat("a=1@0 ", 100)) })
		if want := "a  100\n"; screen.screen() != want || screen.draws > 11 {
			t.Errorf("in a round of one second it was drawn %d times, and shows %s at the end, want %s", screen.draws, screen.screen(), want)
		}
	})
}

func TestALiveTableReturnsTheErrorOfTheTerminal(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { framework.Live(t.Table("last", numbers), brokenWriter{}, 80, 24) })
	err := d.TryPipeRaw("in", rawOf("a=1@10"))
	const want = "operator print 2, at no record: print the table: broken on purpose"
	if !errors.Is(err, errBroken) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
