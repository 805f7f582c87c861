package main

import (
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// lates are the flights that came after their hours were final, each as its line of JSON. That begins with hour and origin.
type lates []string

// take notes the flight that a record carries.
func (l *lates) take(r *kgo.Record) error {
	if _, err := flightCodec.Decode(r.Value); err != nil {
		return strange(r, "a flight", err)
	}
	*l = append(*l, string(r.Value)+"\n")
	return nil
}

// writeLines writes the lines in their order, which does not depend on when which one came.
func (l lates) writeLines(w io.Writer) error {
	slices.Sort(l)
	for _, line := range l {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}
