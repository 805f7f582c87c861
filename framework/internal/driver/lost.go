package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// lost refuses to make internal topics anew that the application had: what they held would be missing in silence. Which it had stands beside
// the offsets that are committed; a topic of an operator that is new in the graph does not. Who creates it by hand says that it may begin empty.
func lost(ctx context.Context, admin connector.Admin, p *Plan, create []connector.TopicSpec, log *slog.Logger) error {
	missing := slices.DeleteFunc(slices.Clone(create), func(t connector.TopicSpec) bool { return !t.Role.Internal() })
	if len(missing) == 0 {
		return nil
	}
	had, told, err := p.had(ctx, admin, create)
	if err != nil {
		return err
	}
	if !told {
		var names []string
		for _, t := range missing {
			names = append(names, t.Name)
		}
		log.Warn("internal topics are made anew, and the group has offsets that do not tell whether it had them: where these are not of operators that are new in the graph, what they held is lost", "topics", names)
		return nil
	}
	missing = slices.DeleteFunc(missing, func(t connector.TopicSpec) bool { return !had[engine.TopicHash(t.Name)] })
	for range askedAgain { // somebody, or another instance, may have made them a moment ago
		infos, err := admin.Topics(ctx, missing)
		if err != nil {
			return err
		}
		at := -1
		missing = slices.DeleteFunc(missing, func(connector.TopicSpec) bool { at++; return infos[at].Partitions > 0 })
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var faults []error
	for _, t := range missing {
		faults = append(faults, lostError(t, p.App))
	}
	return errors.Join(faults...)
}

// had returns the hashes of the internal topics with which offsets of the sources were committed. told: offsets say that, or there are none.
func (p *Plan) had(ctx context.Context, admin connector.Admin, create []connector.TopicSpec) (had map[uint32]bool, told bool, err error) {
	var sources []string
	for _, sub := range p.Subs {
		for _, topic := range sub.Sources {
			name := p.Topics[topic].Name
			if !slices.ContainsFunc(create, func(t connector.TopicSpec) bool { return t.Name == name }) {
				sources = append(sources, name)
			}
		}
	}
	had = map[uint32]bool{}
	if len(sources) == 0 {
		return had, true, nil
	}
	committed, err := committedOnce(ctx, admin, p.App, sources)
	if err != nil {
		return nil, false, err
	}
	none := true
	for _, positions := range committed {
		for _, at := range positions {
			none = none && at.Offset < 0
			if times, err := engine.DecodeTimes(at.Metadata); err == nil { // what another program committed is refused where it is read
				told = told || times.Own != nil
				for _, hash := range times.Own {
					had[hash] = true
				}
			}
		}
	}
	return had, told || none, nil
}

const (
	askedAgain = 8 // brokers hear of a topic a moment after it was made
	askEvery   = 250 * time.Millisecond
	askLong    = 30 * time.Second // that brokers may be busy
)

// committedOnce asks what is committed until the brokers say it.
func committedOnce(ctx context.Context, admin connector.Admin, app string, topics []string) ([][]connector.Position, error) {
	bounded, cancel := context.WithTimeout(ctx, askLong)
	defer cancel()
	for {
		committed, err := admin.Committed(ctx, app, topics)
		if !errors.Is(err, connector.ErrTemporary) {
			return committed, err
		}
		select {
		case <-time.After(askEvery):
		case <-bounded.Done():
			return nil, err
		}
	}
}

// lostError says what to do about an internal topic that somebody deleted.
func lostError(t connector.TopicSpec, app string) error {
	held := "the state that it held is lost with it: put the topic back from a copy"
	if t.Role&connector.RoleRepartition != 0 {
		held = "what it held and was not processed yet is lost with it: put the topic back from a copy"
	}
	var settings []string
	for _, name := range slices.Sorted(maps.Keys(t.Configs)) {
		settings = append(settings, name+"="+t.Configs[name])
	}
	return fmt.Errorf("internal topic %s is gone, and group %s has committed offsets that were reached with it; %s; or, to go on without that, create it empty, with %d partitions and %s; or begin anew under another application name",
		t.Name, app, held, t.Partitions, strings.Join(settings, ", "))
}
