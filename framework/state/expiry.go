package state

import (
	"fmt"
	"math"
	"time"
)

// Expiry says when entries of a table end: what is older than that is not there for the record in process, and is removed, with a
// tombstone in the changelog, when no record can come any more for which it would be. So what a record sees does not depend on when
// that is done.
type Expiry struct {
	After time.Duration // of event time since what set an entry last
	// Time is the time of the record in process, ms.
	Time *int64
	// Come is what event time has come to by it, ms: the higher of its time and the watermark of its source partition.
	Come *int64
	// Watermark returns what that will be at least for all that comes, ms.
	Watermark func() int64
}

// Expire has entries end. It is called before anything else.
func (s *KV[K, V]) Expire(x Expiry) { s.expiry, s.time = x, x.Time }

// over says that what was set at a time is no more there when event time has come to at.
func (x *Expiry) over(time, at int64) bool {
	after := x.After.Milliseconds()
	return after > 0 && at >= math.MinInt64+after && time <= at-after
}

// gone says that what was set at a time has ended for the record in process.
func (s *KV[K, V]) gone(time int64) bool {
	return s.expiry.After > 0 && s.expiry.over(time, *s.expiry.Come)
}

// leastSwept is how many entries a flush looks at that nothing was changed before.
const leastSwept = 64

// sweep removes entries that have ended, of those that come next: twice as many as were set since, so that those that have ended are never
// many more than those that have not.
func (s *KV[K, V]) sweep() {
	if s.expiry.After == 0 {
		return
	}
	w := s.expiry.Watermark()
	if w == math.MinInt64 || w == math.MaxInt64 { // not known; or the input has ended, which is no reason to forget
		return
	}
	n := 2*len(s.dirty) + leastSwept
	if s.backing.disk != nil {
		s.sweepDisk(w, n)
		return
	}
	for n = min(n, len(s.entries)); n > 0; n-- {
		at := int32(s.swept % len(s.entries))
		s.swept = int(at) + 1
		if e := &s.entries[at]; e.present && s.expiry.over(e.time, w) {
			Entry[K, V]{s, at}.Delete(e.time)
		}
	}
}

// sweepDisk does that with what the folder has.
func (s *KV[K, V]) sweepDisk(w int64, n int) {
	var ended []string
	last := ""
	err := s.backing.disk.Range(s.sweptTo, nil, func(key, _ []byte, time int64) bool {
		if s.expiry.over(time, w) {
			ended = append(ended, string(key))
		}
		if n--; n == 0 {
			last = string(key) + "\x00"
		}
		return n > 0
	})
	if err != nil {
		panic(fmt.Errorf("store %s: %w", s.name, err))
	}
	s.sweptTo = []byte(last) // from the beginning, after the end
	for _, key := range ended {
		at, ok := s.stored([]byte(key))
		if !ok {
			continue
		}
		if e := &s.entries[at]; e.present && s.expiry.over(e.time, w) { // it may have been set since
			Entry[K, V]{s, at}.Delete(e.time)
		}
	}
}
