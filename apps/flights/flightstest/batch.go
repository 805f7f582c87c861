package flightstest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hours computes from all rows at once what -output should hold.
func Hours(rows []Row) string {
	type sums struct{ flights, delayed, minutes int64 }
	of := map[string]*sums{} // by what the lines are sorted by
	for _, r := range rows {
		key := r.Hour.Format(time.RFC3339) + " " + r.Origin
		s := of[key]
		if s == nil {
			s = &sums{}
			of[key] = s
		}
		s.flights++
		if r.Delayed {
			s.delayed++
			s.minutes += r.Delay
		}
	}
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var lines strings.Builder
	for _, key := range keys {
		s := of[key]
		mean := "null"
		if s.delayed > 0 {
			mean = strconv.FormatFloat(float64(s.minutes)/float64(s.delayed), 'f', -1, 64)
		}
		hour, origin, _ := strings.Cut(key, " ")
		fmt.Fprintf(&lines, `{"origin":"%s","hour":"%s","flights":%d,"mean_dep_delay":%s}`+"\n", origin, hour, s.flights, mean)
	}
	return lines.String()
}

// Late parts the rows, in the order in which they are fed, into those that come in time and those that come too late: a row
// is late where a row before it in its partition is so much later that its hour ended the disorder before that.
func Late(rows []Row, partition func(Row) int, disorder time.Duration) (inTime, late []Row) {
	latest := map[int]time.Time{}
	for _, r := range rows {
		p := partition(r)
		before, any := latest[p]
		if end := r.Hour.Truncate(time.Hour).Add(time.Hour); any && !end.After(before.Add(-disorder)) {
			late = append(late, r)
		} else {
			inTime = append(inTime, r)
		}
		if !any || r.Hour.After(before) {
			latest[p] = r.Hour
		}
	}
	return inTime, late
}

// Lines writes the rows as -late should hold them.
func Lines(rows []Row) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = r.JSON() + "\n"
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// JSON returns the value of the record that the topic of departures has of the row.
func (r Row) JSON() string {
	delay := "null"
	if r.Delayed {
		delay = strconv.FormatInt(r.Delay, 10)
	}
	return fmt.Sprintf(`{"time_hour":"%s","origin":"%s","dest":"%s","carrier":"%s","flight":"%s","tailnum":"%s","dep_delay":%s}`,
		r.Hour.Format(time.RFC3339), r.Origin, r.Dest, r.Carrier, r.Number, r.Tail, delay)
}
