// Command wordcount counts the words of lines: lines come from a topic, counts go to a topic.
//
// Without flags it counts a sample text on an embedded broker, with nothing installed. With -input it adds a text to the
// topic of lines, counts to the topic's end, prints the most frequent words and ends. With -brokers and without -input it
// serves until SIGINT or SIGTERM, then prints the words of its own partitions. See -help.
//
// Counts are those of all that the topics hold: a second run with the same -name, on the same brokers or -data, adds to
// the first. The input is added in one transaction: where it cannot be read to its end (a line that is not UTF-8, a full
// disk, Ctrl-C), none of it is counted, and the same command can be given again. It must be read within 15 minutes.
// Where the run fails later, the input is in the topic, and -input /dev/null goes on without adding anything.
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
		command.Complain(stderr, "wordcount", fmt.Errorf("%w (wordcount -help lists the flags)", err))
		return command.Usage
	}
	if err := newProgram(o, stdin, stdout, stderr).run(ctx); err != nil {
		command.Complain(stderr, "wordcount", err)
		return command.Fault
	}
	return 0
}
