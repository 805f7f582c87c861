package flightstest

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestTheWholeYearHasTheFiguresThatAreKnownOfIt(t *testing.T) {
	rows := Rows(t, bytes.NewReader(CSV(t, Package(t))))
	if hours, flights := strings.Count(Hours(rows), "\n"), len(rows); hours != 19_486 || flights != 336_776 {
		t.Errorf("%d hours and %d flights, want 19,486 and 336,776", hours, flights)
	}
	one := func(Row) int { return 0 }
	if _, late := Late(ByDay(rows), one, 22*time.Hour); len(late) > 0 {
		t.Errorf("%d flights are more than 22 hours behind when days are in order", len(late))
	}
	if _, late := Late(rows, one, 8760*time.Hour); len(late) > 0 {
		t.Errorf("%d flights are more than a year behind", len(late))
	}
}

func TestARowIsLateFromTheMomentAtWhichItsHourEnded(t *testing.T) {
	at := func(hour int, tail string) Row {
		return Row{Hour: time.Date(2013, 1, 1, hour, 0, 0, 0, time.UTC), Tail: tail}
	}
	rows := []Row{at(9, "a"), at(12, "b"), at(8, "a"), at(10, "b"), at(9, "b"), at(11, "a"), at(8, "a")}
	for _, test := range []struct {
		name      string
		partition func(Row) int
		disorder  time.Duration
		want      string
	}{
		{"in one partition", func(Row) int { return 0 }, 2 * time.Hour, "a8 b9 a8"},
		{"a bit later", func(Row) int { return 0 }, 2*time.Hour + 1, "a8 a8"},
		{"in two partitions", func(r Row) int { return int(r.Tail[0]) }, 2 * time.Hour, "b9 a8"},
		{"without disorder", func(r Row) int { return int(r.Tail[0]) }, 0, "a8 b10 b9 a8"},
	} {
		inTime, late := Late(rows, test.partition, test.disorder)
		var got []string
		for _, r := range late {
			got = append(got, r.Tail+r.Hour.Format("3"))
		}
		if s := strings.Join(got, " "); s != test.want || len(inTime)+len(late) != len(rows) {
			t.Errorf("%s: %q are late and %d in time, want %q", test.name, s, len(inTime), test.want)
		}
	}
}
