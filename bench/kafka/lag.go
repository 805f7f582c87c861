package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/input"
)

const (
	lagTime       = 60 * time.Second
	residentBound = 307 << 20
)

// lag lets Millrace read a long topic into a sink that takes 1 ms a record: memory stays within its bound, nothing is
// fetched while partitions are paused, and the members stay in the group.
func lag(ctx context.Context, h *harness) (bool, error) {
	c := h.config
	c.side, c.group, c.in = millrace, h.id+"-lag", h.id+"-input"
	if c.clients == 0 {
		c.clients = 2
	}
	if err := h.load(ctx, c.in, h.records, input.NewEvents().Append); err != nil {
		return false, err
	}
	defer h.clean(context.WithoutCancel(ctx), h.id)
	k, err := startChild(c, "GOMEMLIMIT=256MiB")
	if err != nil {
		return false, err
	}
	o, err := h.observe(ctx, k, c)
	if err != nil {
		k.kill()
		return false, err
	}
	if _, err := k.stop(); err != nil {
		return false, err
	}
	return o.print(c), nil
}

// observation is what was seen of a side for a minute.
type observation struct {
	resident int64         // at most, bytes
	samples  int           // of resident, 100 ms apart
	flat     time.Duration // longest time without a fetched record
	first    []string      // members once all had joined
	last     []string      // members at the end
	state    string        // of the group at the end
	joins    int64         // requests to join after the members were first seen
	took     time.Duration // since the first fetched record
	end      seen
}

// observe samples the side until the time is over.
func (h *harness) observe(ctx context.Context, k *child, c config) (*observation, error) {
	o := &observation{}
	var begun, since time.Time // of fetching; of the last growth of what was fetched
	var fetched, joins int64
	for begun.IsZero() || time.Since(begun) < lagTime {
		if err := k.alive(ctx, sampleInterval); err != nil {
			return nil, err
		}
		resident, err := k.memory("VmRSS")
		if err != nil {
			return nil, err
		}
		o.resident = max(o.resident, resident)
		o.samples++
		s := k.report()
		if begun.IsZero() && s.Fetched > 0 {
			begun, since = time.Now(), time.Now()
		}
		if s.Fetched > fetched {
			fetched, since = s.Fetched, time.Now()
		} else if !since.IsZero() {
			o.flat = max(o.flat, time.Since(since))
		}
		if o.first == nil && !begun.IsZero() && time.Since(begun) > 2*time.Second {
			if o.first, _, err = h.members(ctx, c.group); err != nil {
				return nil, err
			}
			joins = s.Joins
		}
		o.end = s
	}
	o.took, o.joins = time.Since(begun), o.end.Joins-joins
	var err error
	o.last, o.state, err = h.members(ctx, c.group)
	return o, err
}

// members returns the ids of a group's members, sorted, and its state.
func (h *harness) members(ctx context.Context, group string) (ids []string, state string, err error) {
	groups, err := h.admin.DescribeGroups(ctx, group)
	if err != nil {
		return nil, "", err
	}
	g := groups[group]
	for _, m := range g.Members {
		ids = append(ids, m.MemberID)
	}
	slices.Sort(ids)
	return ids, g.State, g.Err
}

// print prints what was seen against the thresholds and says whether they are reached.
func (o *observation) print(c config) bool {
	fmt.Printf("lag: %d records, sink of %v a record, %d workers, GOMEMLIMIT=256MiB, budget %d MiB, %.0f s, %d samples\n",
		c.records, sinkDelay, c.clients, lagBudget>>20, o.took.Seconds(), o.samples)
	fmt.Printf("sink took %d records; fetched %d records, %.1f MiB\n", o.end.Done, o.end.Fetched, float64(o.end.FetchedBytes)/(1<<20))
	passed := verdict("resident memory, MiB", float64(o.resident)/(1<<20), "<=", residentBound>>20)
	// What was fetched is done, or held in the budget, or in the client: one fetch of a partition at a time.
	perRecord := float64(o.end.FetchedBytes) / float64(max(1, o.end.Fetched))
	held := float64(o.end.FetchedBytes) - float64(o.end.Done)*perRecord
	passed = verdict("fetched and not done, MiB", held/(1<<20), "<=", 2*lagBudget>>20) && passed
	passed = verdict("longest time without fetching, s", o.flat.Seconds(), ">=", 1) && passed
	passed = verdict("records taken by the sink", float64(o.end.Done), ">=", 1) && passed
	passed = verdict("requests to join the group again", float64(o.joins), "<=", 0) && passed
	same := len(o.first) > 0 && slices.Equal(o.first, o.last) && o.state == "Stable"
	word := "FAIL"
	if same {
		word = "PASS"
	}
	fmt.Printf("%s members at the start %d, at the end %d, the same %t, group %s\n",
		word, len(o.first), len(o.last), slices.Equal(o.first, o.last), o.state)
	return passed && same
}
