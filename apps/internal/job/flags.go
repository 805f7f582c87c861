package job

import (
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/millrace/millrace/framework"
)

// Flags are the flags that all jobs have.
type Flags struct {
	Input      string     // a file, "-", or "" for the sample; without meaning if Serve
	Output     string     // "": none
	Brokers    []string   // none: the embedded broker
	Name       string     // of the application
	Partitions int        // of topics that are created
	Data       string     // the embedded broker's folder; "": in memory
	Serve      bool       // until it is stopped, without an input
	Create     bool       // the source's topic is created where it does not exist
	Level      slog.Level // of the log

	ExactlyOnce bool
	Instance    string // that keeps its name over restarts; "": a random one
	State       string // folder of tables; "": in memory
}

// maxPartitions is how many upstream tasks a repartition topic may have.
const maxPartitions = 512

// Usage is what -help says of the flags whose meaning is the program's own.
type Usage struct{ Input, Output, Name, Data string }

// Parse declares the flags beside the program's own, which set has already, and reads the command line. It returns which
// flags were given; a fault of one flag's syntax, or flag.ErrHelp, is the error. What else is wrong is found by Check.
// The environment says what -exactly-once and -instance are where they are not given, as it does to framework.Main.
func (f *Flags) Parse(set *flag.FlagSet, args []string, u Usage) (given map[string]bool, err error) {
	set.StringVar(&f.Input, "input", "", u.Input)
	set.StringVar(&f.Output, "output", "", u.Output)
	list := set.String("brokers", "", "use the Kafka brokers of this `LIST`, host:port,host:port; default: a broker embedded in the program")
	set.StringVar(&f.Name, "name", set.Name(), u.Name)
	set.IntVar(&f.Partitions, "partitions", 4, "`NUMBER` of partitions of the topics that are created")
	set.StringVar(&f.Data, "data", "", u.Data)
	guarantee, unknown := framework.AtLeastOnce, error(nil)
	if text := os.Getenv("APP_GUARANTEE"); text != "" {
		unknown = guarantee.UnmarshalText([]byte(text))
	}
	set.BoolVar(&f.ExactlyOnce, "exactly-once", guarantee == framework.ExactlyOnce, "commit results, state and offsets as one: after a crash nothing is counted twice; default: what APP_GUARANTEE says, at-least-once or exactly-once, else at least once")
	set.StringVar(&f.Instance, "instance", os.Getenv("APP_INSTANCE"), "`NAME` of this process among those of the application, the same after a restart; with -exactly-once readers do not wait then for what a killed process left open; default: APP_INSTANCE, else a random one")
	set.StringVar(&f.State, "state", os.Getenv("APP_STATE_DIR"), "keep tables on disk in the `FOLDER`, each process in its own; default: APP_STATE_DIR, else in memory")
	verbose := set.Bool("v", false, "log what happens to standard error")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if unknown != nil {
		return nil, fmt.Errorf("APP_GUARANTEE: %w", unknown)
	}
	given = map[string]bool{}
	set.Visit(func(g *flag.Flag) { given[g.Name] = true })
	f.Brokers = brokers.List(*list)
	f.Serve = given["brokers"] && !given["input"]
	f.Create = !f.Serve || given["partitions"]
	f.Level = slog.LevelWarn
	if *verbose {
		f.Level = slog.LevelInfo
	}
	return given, nil
}

// Check returns all that is wrong with the flags and what is left on the command line.
func (f *Flags) Check(given map[string]bool, rest []string) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		fault("unexpected argument %q", rest[0])
	}
	for _, path := range []struct{ flag, value string }{{"input", f.Input}, {"output", f.Output}, {"data", f.Data}, {"state", f.State}} {
		if given[path.flag] && path.value == "" {
			fault("-%s is empty: name a path, or leave the flag out", path.flag)
		}
	}
	if given["brokers"] && len(f.Brokers) == 0 {
		fault("-brokers is empty: give it addresses host:port,host:port, or leave the flag out for the embedded broker")
	}
	if given["brokers"] && given["data"] {
		fault("-data is the embedded broker's folder: leave out -data or -brokers")
	}
	if given["instance"] && f.Instance != "" && !f.ExactlyOnce { // that of the environment may be there for all that it is for
		fault("-instance is for -exactly-once: give both, or leave it out")
	}
	if f.Partitions < 1 || f.Partitions > maxPartitions {
		fault("-partitions %d: from 1 to %d are possible", f.Partitions, maxPartitions)
	}
	return faults
}
