package kafka

import "time"

// rejoining counts how often the group has to be joined again: while brokers are gone that is a few times a second, and one line of it
// in a while is enough.
type rejoining struct {
	last  string // the error that was told last
	told  time.Time
	times int // since then
}

// tellAgain is how long the same error is only counted.
const tellAgain = 10 * time.Second

// tell counts an error, and says how often it came since one was told; not now: it is to be told later.
func (r *rejoining) tell(err error, at time.Time) (times int, now bool) {
	r.times++
	if text := err.Error(); text != r.last || at.Sub(r.told) >= tellAgain {
		times, r.times = r.times, 0
		r.last, r.told = text, at
		return times, true
	}
	return 0, false
}
