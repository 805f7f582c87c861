// Command flights computes departures and their mean delay for each airport and hour of scheduled departure.
//
// Without flags it computes a sample on an embedded broker, with nothing installed, and prints a line of JSON for each
// airport and hour. With -input it feeds the flights of a file to a topic, computes to the topic's end, prints and ends.
// With -brokers and without -input it serves until SIGINT or SIGTERM, then prints the hours that are final. See -help.
//
// Time is that of the schedule, not of the machine. A flight may come up to -disorder behind the latest one before it in its
// partition; an hour is final, and written once, when no such flight can come any more. Within that the result is the
// one of a batch computation, whatever the partitions, the instances and their speed. A flight that comes after its hour was
// final is in none: it goes to the topic of late flights, the same ones in every run on the same partitions.
//
// Three topics have the name as their prefix: -departures has the flights, keyed by the aircraft's tail number, -hours the
// final hours, -late the late flights. A second run with the same -name, on the same brokers or -data, adds to them, and goes
// on where the first one was, whose end made all hours final: flights that it feeds for these are in none, and are told. The
// input is fed in one transaction: where it cannot be read to its end, none of it is counted. Where the run fails later, the
// input is in the topic, and -input /dev/null goes on without adding anything.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/millrace/millrace/apps/internal/command"
)

func main() {
	os.Exit(run(command.Context(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program. It returns its exit code; each fault is one line on stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.usage(stdout)
		return 0
	case err != nil:
		command.Complain(stderr, "flights", fmt.Errorf("%w (flights -help lists the flags)", err))
		return command.Usage
	}
	if err := newProgram(o, stdin, stdout, stderr).run(ctx); err != nil {
		command.Complain(stderr, "flights", err)
		return command.Fault
	}
	return 0
}
