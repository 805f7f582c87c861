package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/millrace/millrace/apps/internal/brokers"
)

// options are what the flags say.
type options struct {
	n       int
	rate    float64  // numbers a second
	brokers []string // none: the embedded broker
	memory  bool
	name    string
	level   slog.Level

	usage func(io.Writer)
}

// What -rate takes: from a number in almost three hours to one in a microsecond.
const (
	minRate = 0.0001
	maxRate = 1_000_000
)

// interval is the time between two numbers.
func (o options) interval() time.Duration { return time.Duration(float64(time.Second) / o.rate) }

// parse reads the command line. The error says all that is wrong with it; it is flag.ErrHelp where help is asked for.
func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("fib", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.n, "n", 20, "print so many `NUMBERS` and end")
	f.Float64Var(&o.rate, "rate", 10, "print at most `R` numbers a second, for example 1000 or 0.5; through a broker each takes some milliseconds")
	list := f.String("brokers", "", "use the Kafka brokers of this `LIST`, host:port,host:port; default: a broker embedded in the program")
	f.BoolVar(&o.memory, "memory", false, "feed the numbers back in memory, without a broker")
	f.StringVar(&o.name, "name", "fib", "first part of the `NAME` of the run's group and of its topics, which are removed at its end")
	verbose := f.Bool("v", false, "log what happens to standard error")
	o.usage = func(w io.Writer) {
		fmt.Fprintln(w, "fib prints the Fibonacci numbers 1, 2, 3, 5, 8, …: each is the sum of the last two numbers of a topic, and is written to\n"+
			"that topic.")
		f.SetOutput(w)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	o.brokers = brokers.List(*list)
	o.level = slog.LevelWarn
	if *verbose {
		o.level = slog.LevelInfo
	}
	return o, o.check(given["brokers"], f.Args())
}

func (o options) check(brokersGiven bool, rest []string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		fault("unexpected argument %q", rest[0])
	}
	if o.n < 1 {
		fault("-n %d: print at least 1 number", o.n)
	}
	if !(o.rate >= minRate && o.rate <= maxRate) { // NaN is no rate either
		fault("-rate %v: from %v to %v numbers a second are possible", o.rate, minRate, maxRate)
	}
	if brokersGiven && len(o.brokers) == 0 {
		fault("-brokers is empty: give it addresses host:port,host:port, or leave the flag out for the embedded broker")
	}
	if brokersGiven && o.memory {
		fault("-memory needs no broker: leave out -brokers or -memory")
	}
	if o.name == "" {
		fault("-name is empty: give a name, or leave the flag out")
	}
	return errors.Join(faults...)
}
