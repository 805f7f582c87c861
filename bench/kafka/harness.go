package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// harness is what all workloads use: the broker, seen from outside.
type harness struct {
	config
	admin *kadm.Client
	id    string // begins the names of all topics and groups of this program
	runs  int    // started so far
}

func newHarness(c config) (*harness, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...))
	if err != nil {
		return nil, err
	}
	return &harness{config: c, admin: kadm.NewClient(cl), id: "bench-" + strconv.FormatInt(time.Now().UnixMilli(), 36)}, nil
}

func (h *harness) close() { h.admin.Close() }

// create creates a topic that takes records with any timestamp.
func (h *harness) create(ctx context.Context, topic, cleanup string) error {
	configs := map[string]*string{"cleanup.policy": &cleanup}
	r, err := h.admin.CreateTopic(ctx, partitions, -1, configs, topic)
	if err = errors.Join(err, r.Err); err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	for { // until each partition has a leader
		if _, err = h.ends(ctx, topic); err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// ends returns the end offsets of the topics.
func (h *harness) ends(ctx context.Context, topics ...string) (map[string]map[int32]int64, error) {
	l, err := h.admin.ListEndOffsets(ctx, topics...)
	if err = errors.Join(err, l.Error()); err != nil {
		return nil, err
	}
	ends := map[string]map[int32]int64{}
	l.Each(func(o kadm.ListedOffset) {
		if ends[o.Topic] == nil {
			ends[o.Topic] = map[int32]int64{}
		}
		ends[o.Topic][o.Partition] = o.Offset
	})
	return ends, nil
}

// consumed says whether the group has committed the topic's end in every partition.
func (h *harness) consumed(ctx context.Context, group, topic string) (bool, error) {
	ends, err := h.ends(ctx, topic)
	if err != nil {
		return false, ctx.Err() // a topic of the side's own that is not there yet
	}
	committed, err := h.admin.FetchOffsetsForTopics(ctx, group, topic)
	if err != nil {
		return false, ctx.Err() // nor the group
	}
	var rest []kadm.Offset
	for p, end := range ends[topic] {
		at, ok := committed.Lookup(topic, p)
		switch {
		case end == 0 || ok && at.Err == nil && at.At >= end:
		case !ok || at.Err != nil || end-at.At > mostMarkers:
			return false, nil
		default:
			rest = append(rest, at.Offset)
		}
	}
	for _, at := range rest {
		if only, err := h.onlyMarkers(ctx, at, ends[topic][at.Partition]); !only {
			return false, err
		}
	}
	return true, nil
}

// mostMarkers is how many ends of transactions may stand behind the last record of a partition: one a client, and some to spare.
const mostMarkers = 8

// onlyMarkers says whether nothing but ends of transactions stands between an offset and the end of its partition. Who reads by
// records does not commit those.
func (h *harness) onlyMarkers(ctx context.Context, from kadm.Offset, end int64) (bool, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(h.brokers...), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{from.Topic: {from.Partition: kgo.NewOffset().At(from.At)}}),
	)
	if err != nil {
		return false, err
	}
	defer cl.Close()
	for at := from.At; at < end; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return false, err
		}
		records := false
		fs.EachRecord(func(r *kgo.Record) {
			records = records || !r.Attrs.IsControl()
			at = r.Offset + 1
		})
		if records {
			return false, nil
		}
	}
	return true, nil
}

// clean deletes the topics and the group of one run.
func (h *harness) clean(ctx context.Context, group string) error {
	all, err := h.admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	for _, t := range all.Names() {
		if len(t) > len(group) && t[:len(group)+1] == group+"-" {
			if _, err := h.admin.DeleteTopics(ctx, t); err != nil {
				return err
			}
		}
	}
	_, err = h.admin.DeleteGroups(ctx, group)
	return err
}
