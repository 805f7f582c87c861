// Package command is what the programs of apps share at their edge: signals, exit codes and complaints.
package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// What a program exits with: 0, or one of these.
const (
	Fault = 1
	Usage = 2
)

// Context returns a context that SIGINT and SIGTERM end. A second signal ends the program at once.
func Context() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// Complain writes each fault once, as a line: one that stops several workers comes from each of them.
func Complain(w io.Writer, program string, err error) {
	told := map[string]bool{}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !told[line] {
			told[line] = true
			fmt.Fprintf(w, "%s: %s\n", program, line)
		}
	}
}
