package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// goingBack notes by which error codes a worker went back to its last commit. Whatever a code says, the next try may go well; one that comes
// each time would keep the worker busy for ever, with nothing to see but the log. Commits in between do not count: some of its tasks may go on
// while others do not.
type goingBack struct {
	by          *kerr.Error
	times       int
	first, last time.Time
}

const (
	backTimes = 5                      // that one code may come, at least
	backLong  = 2 * transactionTimeout // that it may go on, at least: what a broker left open has ended by then
	backApart = time.Minute            // after which it is another matter
)

// back notes an abort and its cause. It returns an error where one code goes on and on.
func (g *goingBack) back(cause error, now time.Time) error {
	var code *kerr.Error
	if !errors.As(cause, &code) || code.Retriable || notOurs(code) {
		return nil // brokers that are away come back, and a group may be restless
	}
	if code != g.by || now.Sub(g.last) > backApart {
		*g = goingBack{by: code, first: now}
	}
	g.times, g.last = g.times+1, now
	long := now.Sub(g.first)
	if g.times < backTimes || long < backLong {
		return nil
	}
	return afterAbort{fmt.Errorf("the worker went back to its last commit %d times within %s, each time by the same error: %w",
		g.times, long.Round(time.Second), advise(cause, brokersLog))}
}
