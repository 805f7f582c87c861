package main

import (
	"context"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var numbers = frameworktest.Topic("numbers", codec.None, decimal)

// collected is what came to a graph's output: the numbers themselves, and as they were then.
type collected struct {
	numbers []*big.Int
	text    strings.Builder
}

func (c *collected) print(_ context.Context, n *big.Int) error {
	c.numbers = append(c.numbers, n)
	c.text.WriteString(n.String() + "\n")
	return nil
}

// pipe writes numbers to the topic, at the virtual time.
func pipe(d *frameworktest.Driver, all ...*big.Int) {
	for _, n := range all {
		d.Pipe(numbers, framework.None{}, n, d.Now())
	}
}

// graphs are both ways to feed the numbers back, begun.
var graphs = map[string]func(t *testing.T, every time.Duration, out output) *frameworktest.Driver{
	"through a topic": func(t *testing.T, every time.Duration, out output) *frameworktest.Driver {
		d := frameworktest.New(t, throughTopic(numbers, every, out))
		pipe(d, seeds[:]...)
		return d
	},
	"in memory": func(t *testing.T, every time.Duration, out output) *frameworktest.Driver {
		source := framework.NewInput[*big.Int]("seeds")
		d := frameworktest.New(t, inMemory(source, every, out))
		for _, n := range seeds {
			if err := source.Emit(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		return d
	},
}

func TestNumbersComeAtTheRate(t *testing.T) {
	for name, begin := range graphs {
		t.Run(name, func(t *testing.T) {
			var out collected
			d := begin(t, time.Second/10, out.print)
			same(t, out.text.String(), fibonacci(1))
			d.AdvanceClock(1899 * time.Millisecond)
			same(t, out.text.String(), fibonacci(19))
			d.AdvanceClock(time.Millisecond)
			same(t, out.text.String(), fibonacci(20))
		})
	}
}

func TestNumbersThatWereHandedOnAreNotChanged(t *testing.T) {
	for name, begin := range graphs {
		t.Run(name, func(t *testing.T) {
			var out, after collected
			begin(t, time.Millisecond, out.print).AdvanceClock(time.Second)
			for _, n := range out.numbers {
				after.print(t.Context(), n)
			}
			same(t, after.text.String(), fibonacci(1001))
			if seeds[0].Int64() != 0 || seeds[1].Int64() != 1 {
				t.Errorf("the seeds are %v", seeds)
			}
		})
	}
}

func TestANumberThatIsFedBackTwiceIsTakenOnce(t *testing.T) {
	var out collected
	d := frameworktest.New(t, throughTopic(numbers, time.Second/10, out.print))
	pipe(d, seeds[0], seeds[0], seeds[1])
	before := seeds[0]
	for range 30 {
		d.AdvanceClock(time.Second / 10)
		written := d.Read(numbers)
		last := written[len(written)-1].Value
		pipe(d, last, before, last)
		before = last
	}
	same(t, out.text.String(), fibonacci(31))
}

// While a number waits for its time the numbers that it was made of are in the store, and the offset of the second one
// is not committed.
func TestWhatIsReadAgainAfterARestartIsSummedAsBefore(t *testing.T) {
	var text strings.Builder
	out := printer{to: &text, n: 60, onEach: func() {}, onLast: func() {}}
	d := frameworktest.New(t, throughTopic(numbers, time.Second/10, out.print))
	d.Rebuild()
	pipe(d, seeds[0])
	d.Rebuild()
	pipe(d, seeds[1])
	for i := range 60 {
		if i%7 != 3 {
			d.Rebuild()
		}
		d.AdvanceClock(time.Second / 10)
	}
	same(t, text.String(), fibonacci(60))
}

func TestNumbersAreDecimalText(t *testing.T) {
	large, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	b, err := decimal.Append([]byte("n="), large)
	if err != nil || string(b) != "n=123456789012345678901234567890" {
		t.Errorf("got %q, %v", b, err)
	}
	if n, err := decimal.Decode(b[2:]); err != nil || n.Cmp(large) != 0 {
		t.Errorf("got %v, %v", n, err)
	}
	for _, bad := range []string{"", "1.5", "0x10", "one", " 1"} {
		if n, err := decimal.Decode([]byte(bad)); err == nil {
			t.Errorf("%q is decoded as %v", bad, n)
		}
	}
}
