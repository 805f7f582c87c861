package framework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// daysAndWeeks puts each time into two windows, which on Mondays begin at the same time.
type daysAndWeeks struct{ zone *time.Location }

func (w daysAndWeeks) Assign(at time.Time) []framework.Window {
	year, month, day := at.In(w.zone).Date()
	monday := day - (int(at.In(w.zone).Weekday())+6)%7
	week := framework.NewWindow(time.Date(year, month, monday, 0, 0, 0, 0, w.zone), time.Date(year, month, monday+7, 0, 0, 0, 0, w.zone))
	return append(calendarDays(w).Assign(at), week)
}

func (daysAndWeeks) Longest() time.Duration { return 7*24*time.Hour + time.Hour }

// officeHours are from 9 to 17; what happens at other times is in no window.
type officeHours struct{ zone *time.Location }

func (o officeHours) Assign(at time.Time) []framework.Window {
	year, month, day := at.In(o.zone).Date()
	opens, closes := time.Date(year, month, day, 9, 0, 0, 0, o.zone), time.Date(year, month, day, 17, 0, 0, 0, o.zone)
	if at.Before(opens) || !at.Before(closes) {
		return nil
	}
	return []framework.Window{framework.NewWindow(opens, closes)}
}

func (officeHours) Longest() time.Duration { return 8 * time.Hour }

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// oneWindow puts all times into one window.
type oneWindow struct{ from, to time.Time }

func (o oneWindow) Assign(time.Time) []framework.Window {
	return []framework.Window{framework.NewWindow(o.from, o.to)}
}

func (oneWindow) Longest() time.Duration { return time.Hour }

func TestAWindowOfAnAssignerHasTheTimeThatItIsForAndIsNoLongerThanItSaid(t *testing.T) {
	for name, c := range map[string]struct {
		window oneWindow
		wrong  bool
	}{
		"it begins with it":  {oneWindow{noon(0), noon(60)}, false},
		"it begins after it": {oneWindow{noon(1), noon(60)}, true},
		"it ends at it":      {oneWindow{noon(-60), noon(0)}, true},
		"it is too long":     {oneWindow{noon(-1), noon(60)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) {
				t.From(numbers).Grouped().Windows(c.window).Count("counts").Stream().To(counts)
			})
			err := d.TryPipe(numbers, "a", 1, noon(0))
			if want := "the Assigner puts 1970-01-01T12:00:00Z into the window from "; c.wrong != (err != nil) || c.wrong && !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error: %t", err, c.wrong)
			}
		})
	}
}
