// Command fib prints the Fibonacci numbers 1, 2, 3, 5, 8, …, one a line, so many a second: each is the sum of the last two
// numbers of a stream, and is fed back into that stream.
//
// The stream is a topic of one partition: of a broker embedded in the program, or with -brokers of a Kafka cluster. With
// -memory it is a loop in the process, and there is no broker. See -help.
//
// It ends with 0 once it has printed as many numbers as -n says, and with 1 where it stopped before: by SIGINT or SIGTERM,
// by a fault, or since no number came for a minute.
//
// Each run computes anew. Its topics and its group have names of their own, <name>-<run>, so that runs of one -name do not
// meet; they are removed at the end, whichever it is but a kill -9.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/millrace/millrace/apps/internal/command"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away is a failed write: what the run made is removed first
	os.Exit(run(command.Context(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program. It returns its exit code; each fault is one line on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		o.usage(stdout)
		return 0
	case err != nil:
		command.Complain(stderr, "fib", fmt.Errorf("%w (fib -help lists the flags)", err))
		return command.Usage
	}
	if err := newProgram(o, stdout, stderr).run(ctx); err != nil {
		command.Complain(stderr, "fib", err)
		return command.Fault
	}
	return 0
}
