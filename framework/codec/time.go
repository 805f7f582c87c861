package codec

import (
	"fmt"
	"time"
)

// Time is the time as text: RFC 3339 in UTC with all nine digits of the nanoseconds, such as
// 2026-03-01T12:00:00.000000000Z. Every instant of the years 0 to 9999 comes back to the nanosecond; its location does
// not, Decode returns UTC. Equal instants are equal bytes, and the bytes sort as the instants do.
//
// Append refuses other years. Decode takes every RFC 3339 time, of any zone.
var Time Codec[time.Time] = instant{}

const instantLayout = "2006-01-02T15:04:05.000000000Z"

type instant struct{}

func (instant) Append(dst []byte, v time.Time) ([]byte, error) {
	v = v.UTC()
	if err := checkYear(v); err != nil {
		return dst, err
	}
	return v.AppendFormat(dst, instantLayout), nil
}

func (instant) Decode(b []byte) (time.Time, error) {
	var v time.Time
	if err := v.UnmarshalText(b); err != nil {
		return time.Time{}, fmt.Errorf("time: got %q, want RFC 3339, such as 2026-03-01T12:00:00Z", b[:min(len(b), 64)])
	}
	v = v.UTC()
	if err := checkYear(v); err != nil {
		return time.Time{}, err
	}
	return v, nil
}

func (instant) Name() string { return "time" }

// checkYear refuses the years that RFC 3339 cannot say.
func checkYear(utc time.Time) error {
	if y := utc.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("time: the year %d in UTC is outside 0 to 9999: use codec.New for such times", y)
	}
	return nil
}
