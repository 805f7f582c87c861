package main

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/apps/internal/topics"
	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readCounts reads a topic of counts to the end that it has now: the last count of each word of which owned says yes.
func readCounts(ctx context.Context, addresses []string, topic string, owned func(word []byte) bool) (counts, error) {
	c := counts{}
	err := topics.Read(ctx, addresses, topic, func(r *kgo.Record) error { return c.take(r, owned) })
	return c, err
}

// take notes the count that a record carries. A null deletes the word.
func (c counts) take(r *kgo.Record, owned func(word []byte) bool) error {
	switch {
	case r.Key == nil:
		return fmt.Errorf("topic %s, partition %d, offset %d is not a count of a word: it has no key; give -to a topic of its own", r.Topic, r.Partition, r.Offset)
	case !owned(r.Key):
		return nil
	case r.Value == nil:
		delete(c, string(r.Key))
		return nil
	}
	n, err := codec.Int64.Decode(r.Value)
	if err != nil {
		return fmt.Errorf("topic %s, partition %d, offset %d is not a count of a word: %w; give -to a topic of its own", r.Topic, r.Partition, r.Offset, err)
	}
	c[string(r.Key)] = n
	return nil
}
