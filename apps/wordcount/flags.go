package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/millrace/millrace/apps/internal/brokers"
)

// options are what the flags say.
type options struct {
	input      string   // a file, "-", or "" for the sample; without meaning if serve
	output     string   // "": none
	brokers    []string // none: the embedded broker
	from, to   string
	name       string
	partitions int
	create     bool // a missing -from is created
	top        int
	data       string // "": in memory
	serve      bool
	level      slog.Level

	usage func(io.Writer)
}

// maxPartitions is how many upstream tasks a repartition topic may have.
const maxPartitions = 512

// parse reads the command line. The error says all that is wrong with it; it is flag.ErrHelp where help is asked for.
func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("wordcount", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.input, "input", "", "count the words of this `FILE`, - for standard input, and end; a run that fails before it has read the end counts none of it; default: "+sampleSource+", or with -brokers none: serve until SIGINT or SIGTERM")
	f.StringVar(&o.output, "output", "", `write the final counts to this `+"`FILE`"+`: a line {"word":…,"count":…} for each word, sorted by word`)
	list := f.String("brokers", "", "use the Kafka brokers of this `LIST`, host:port,host:port; default: a broker embedded in the program")
	f.StringVar(&o.from, "from", "lines", "`TOPIC` of lines; with -input, or with -partitions given, it is created where it does not exist")
	f.StringVar(&o.to, "to", "word-counts", "`TOPIC` of counts, the word as key and its count as 8 bytes, big endian; it is created where it does not exist")
	f.StringVar(&o.name, "name", "wordcount", "`NAME` of the application, of its group, and prefix of its internal topics; counts continue those of former runs with that name")
	f.IntVar(&o.partitions, "partitions", 4, "`NUMBER` of partitions of the topics that are created")
	f.IntVar(&o.top, "top", 10, "print the `NUMBER` most frequent words at the end")
	f.StringVar(&o.data, "data", "", "keep the embedded broker's topics, and with them the counts, in this `FOLDER`, for the next run; it survives SIGINT and SIGTERM, not a kill -9 or a power failure; default: in memory")
	verbose := f.Bool("v", false, "log what happens to standard error")
	o.usage = func(w io.Writer) {
		fmt.Fprintln(w, "wordcount counts the words of lines, lower-cased and separated by white space. With -input, or without -brokers,\n"+
			"it adds a text to a topic, counts to the topic's end and exits; a second run with the same -name adds to the first.")
		f.SetOutput(w)
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	given := map[string]bool{}
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	o.brokers = brokers.List(*list)
	o.serve = given["brokers"] && !given["input"]
	o.create = !o.serve || given["partitions"]
	o.level = slog.LevelWarn
	if *verbose {
		o.level = slog.LevelInfo
	}
	return o, o.check(given, f.Args())
}

func (o options) check(given map[string]bool, rest []string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		fault("unexpected argument %q", rest[0])
	}
	for _, name := range []string{"input", "output", "data"} {
		if value := map[string]string{"input": o.input, "output": o.output, "data": o.data}[name]; given[name] && value == "" {
			fault("-%s is empty: name a path, or leave the flag out", name)
		}
	}
	if given["brokers"] && len(o.brokers) == 0 {
		fault("-brokers is empty: give it addresses host:port,host:port, or leave the flag out for the embedded broker")
	}
	if given["brokers"] && given["data"] {
		fault("-data is the embedded broker's folder: leave out -data or -brokers")
	}
	if o.from == "" || o.to == "" || o.from == o.to {
		fault("-from %q and -to %q must be two topics", o.from, o.to)
	}
	if o.partitions < 1 || o.partitions > maxPartitions {
		fault("-partitions %d: from 1 to %d are possible", o.partitions, maxPartitions)
	}
	if o.top < 0 {
		fault("-top %d: give the number of words to print, 0 for none", o.top)
	}
	return errors.Join(faults...)
}
