package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/millrace/millrace/apps/internal/job"
)

// options are what the flags say.
type options struct {
	job.Flags
	from, to string
	top      int

	usage func(io.Writer)
}

// parse reads the command line. The error says all that is wrong with it; it is flag.ErrHelp where help is asked for.
func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("wordcount", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.from, "from", "lines", "`TOPIC` of lines; with -input, or with -partitions given, it is created where it does not exist")
	f.StringVar(&o.to, "to", "word-counts", "`TOPIC` of counts, the word as key and its count as 8 bytes, big endian; it is created where it does not exist")
	f.IntVar(&o.top, "top", 10, "print the `NUMBER` most frequent words at the end")
	o.usage = func(w io.Writer) {
		fmt.Fprintln(w, "wordcount counts the words of lines, lower-cased and separated by white space. With -input, or without -brokers,\n"+
			"it adds a text to a topic, counts to the topic's end and exits; a second run with the same -name adds to the first.")
		f.SetOutput(w)
		f.PrintDefaults()
	}
	given, err := o.Parse(f, args, job.Usage{
		Input:  "count the words of this `FILE`, - for standard input, and end; a run that fails before it has read the end counts none of it; default: " + sampleSource + ", or with -brokers none: serve until SIGINT or SIGTERM",
		Output: `write the final counts to this ` + "`FILE`" + `: a line {"word":…,"count":…} for each word, sorted by word`,
		Name:   "`NAME` of the application, of its group, and prefix of its internal topics; counts continue those of former runs with that name",
		Data:   "keep the embedded broker's topics, and with them the counts, in this `FOLDER`, for the next run; it survives SIGINT and SIGTERM, not a kill -9 or a power failure; default: in memory",
	})
	if err != nil {
		return o, err
	}
	faults := o.Check(given, f.Args())
	if o.from == "" || o.to == "" || o.from == o.to {
		faults = append(faults, fmt.Errorf("-from %q and -to %q must be two topics", o.from, o.to))
	}
	if o.top < 0 {
		faults = append(faults, fmt.Errorf("-top %d: give the number of words to print, 0 for none", o.top))
	}
	return o, errors.Join(faults...)
}
