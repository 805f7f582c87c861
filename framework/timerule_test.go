package framework

import (
	"math"
	"math/big"
	"testing"
	"time"
)

// judged is judge by integers of any size.
func judged(seconds, nanos, own, ahead int64, bounded bool) (ms int64, fault timeFault) {
	zero := time.Time{}
	if seconds == zero.Unix() && nanos == 0 {
		return max(0, min(own, latestTime)), timeMissing
	}
	at := new(big.Int).Add(new(big.Int).Mul(big.NewInt(seconds), big.NewInt(1000)), big.NewInt(nanos/1e6))
	bound := big.NewInt(latestTime)
	if bounded {
		if b := new(big.Int).Add(big.NewInt(own), big.NewInt(ahead)); b.Cmp(bound) < 0 {
			bound = b
		}
	}
	switch {
	case at.Sign() < 0:
		return 0, timeNegative
	case at.Cmp(bound) > 0:
		return max(0, bound.Int64()), timeFarAhead
	}
	return at.Int64(), timeGood
}

func FuzzAnEventTimeIsJudgedAsIfIntegersHadNoBounds(f *testing.F) {
	zero := time.Time{}
	for _, seconds := range []int64{0, -1, 1, zero.Unix(), math.MaxInt64, math.MinInt64, math.MaxInt64 / 1000, math.MaxInt64/1000 + 1, math.MinInt64 / 1000, latestTime / 1000, latestTime/1000 + 1, 253402300799} {
		for _, own := range []int64{0, -1, math.MaxInt64, math.MinInt64, latestTime, latestTime + 1, 253402300799_000} {
			f.Add(seconds, uint32(999_999_999), own, int64(time.Hour), true)
			f.Add(seconds, uint32(0), own, int64(math.MaxInt64), true)
			f.Add(seconds, uint32(0), own, int64(0), seconds%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, seconds int64, nanos uint32, own, ahead int64, bounded bool) {
		if ahead < 0 {
			ahead = 0 // Build refuses it
		}
		at := time.Unix(seconds, int64(nanos%1e9))
		if at.Unix() != seconds {
			t.Skip("time.Time cannot hold it")
		}
		rule := timeRule{ahead: time.Duration(ahead).Milliseconds(), bounded: bounded}
		ms, fault := rule.judge(at, own)
		wantMs, want := judged(seconds, int64(nanos%1e9), own, rule.ahead, bounded)
		if ms != wantMs || fault != want {
			t.Errorf("%d s, %d ns, timestamp %d, bound %d %t: %d and fault %d, want %d and %d", seconds, nanos, own, rule.ahead, bounded, ms, fault, wantMs, want)
		}
		if ms < 0 || ms > latestTime {
			t.Errorf("%d s, %d ns, timestamp %d: %d is no event time", seconds, nanos, own, ms)
		}
	})
}

func FuzzATimestampIsClampedToWhatIsNear(f *testing.F) {
	for _, own := range []int64{0, -1, 1, math.MaxInt64, math.MinInt64, latestTime, latestTime + 1} {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, own int64) {
		ms, fault := judgeOwn(own)
		if ms < 0 || ms > latestTime || (fault == timeGood) != (ms == own) || (fault == timeNegative) != (own < 0) {
			t.Errorf("timestamp %d: %d and fault %d", own, ms, fault)
		}
	})
}

func FuzzAllowedDisorderKeepsWhatIsWithinIt(f *testing.F) {
	f.Add(int64(0), int64(0))
	f.Add(int64(1_500_000), int64(2_400_001))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, disorder, at int64) {
		if disorder < 0 || at < 0 {
			t.Skip()
		}
		ms := sourceOptions{disorder: time.Duration(disorder)}.disorderMs()
		first, last := time.Unix(0, at), time.Unix(0, at).Add(-time.Duration(disorder)) // as far back as is allowed
		if last.UnixMilli() < first.UnixMilli()-ms {
			t.Errorf("%s before %s is late with a disorder of %d ms", time.Duration(disorder), first, ms)
		}
	})
}
