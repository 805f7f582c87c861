package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/millrace/millrace/apps/internal/job"
)

// maxLineBytes is the longest line taken. Brokers and producers take records of up to about 1,000,000 bytes by default, a
// line may be one word, and a word may grow by half when it is lower-cased (Ⱥ has two bytes, ⱥ three): so every line that
// is taken can be counted, too.
const maxLineBytes = 640 << 10

// feed writes the lines of the input to the topic of lines, all or none.
func (p *program) feed(ctx context.Context, addresses []string, input io.Reader) error {
	return p.job.Feed(ctx, addresses, input, lineByLine)
}

// lineByLine sends all lines. The error names the line that stops it.
func lineByLine(ctx context.Context, f *job.Feeder, input io.Reader) error {
	r := bufio.NewReaderSize(input, maxLineBytes+1) // a line that fills it has no end in reach
	for ctx.Err() == nil {
		line, err := r.ReadSlice('\n')
		number := f.Sent() + 1
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d has more than %d bytes, the most that a record may have: break it up", number, maxLineBytes)
		case err != nil && !errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: %w", number, err)
		case err != nil && len(line) == 0:
			return nil
		}
		if line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		if at := invalid(line); at >= 0 {
			return fmt.Errorf("line %d, byte %d: not UTF-8: convert the text to UTF-8", number, at+1)
		}
		f.Send(ctx, nil, line)
	}
	return nil
}

// invalid returns the index of the first byte that is not UTF-8, -1 if there is none.
func invalid(line []byte) int {
	if utf8.Valid(line) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}
