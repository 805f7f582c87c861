package driver

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// kept is what brokers have of an application that reads one topic, keeps a store and has a repartition topic.
type kept struct {
	connector.Admin
	topics   []string // besides the source
	later    []string // appear after the first look
	metadata string   // committed with the source's offset
	none     bool     // nothing is committed
	looks    int
}

func (k *kept) Topics(_ context.Context, topics []connector.TopicSpec) (infos []connector.TopicInfo, err error) {
	if k.looks++; k.looks > 1 {
		k.topics = append(k.topics, k.later...)
	}
	for _, t := range topics {
		n := int32(0)
		if t.Name == "lines" || slices.Contains(k.topics, t.Name) {
			n = 2
		}
		infos = append(infos, connector.TopicInfo{Name: t.Name, Partitions: n})
	}
	return infos, nil
}

func (k *kept) Committed(_ context.Context, _ string, names []string) (all [][]connector.Position, err error) {
	for range names {
		at := connector.Position{Offset: 10, Metadata: k.metadata}
		if k.none {
			at = connector.Position{Offset: -1}
		}
		all = append(all, []connector.Position{{Offset: -1}, at})
	}
	return all, nil
}

func TestAnInternalTopicThatIsGoneIsRefusedAndANewOneIsMade(t *testing.T) {
	p := &Plan{
		App: "app",
		Topics: []Topic{
			{Name: "lines", Like: -1, Spec: connector.TopicSpec{Name: "lines", Role: connector.RoleSource}},
			{Name: "app-counts-repartition", Spec: RepartitionSpec("app-counts-repartition")},
			{Name: "app-counts-changelog", Like: 1, Spec: ChangelogSpec("app-counts-changelog")},
			{Name: "app-more-changelog", Like: 1, Spec: ChangelogSpec("app-more-changelog")},
		},
		Subs: []Sub{{Sources: []int32{0}, Feeds: []int32{1}}, {Sources: []int32{1}, Stores: []int32{2, 3}}},
	}
	const repartition, counts, more = "app-counts-repartition", "app-counts-changelog", "app-more-changelog"
	of := func(topics ...string) string {
		times := engine.Times{At: []int64{5}, Own: []uint32{}}
		for _, name := range topics {
			times.Own = append(times.Own, engine.TopicHash(name))
		}
		return times.Encode()
	}
	for _, c := range []struct {
		name  string
		kept  kept
		warns bool
		says  []string // nil: it starts
	}{
		{"the first start", kept{none: true}, false, nil},
		{"a start after one that made some of the topics", kept{none: true, topics: []string{repartition}}, false, nil},
		{"a store that is new in the graph", kept{topics: []string{repartition, counts}, metadata: of(repartition, counts)}, false, nil},
		{"a changelog that is gone", kept{topics: []string{repartition, more}, metadata: of(repartition, counts, more)}, false, []string{
			"internal topic app-counts-changelog is gone, and group app has committed offsets", "the state that it held", "put the topic back from a copy",
			"create it empty, with 2 partitions and cleanup.policy=compact, message.timestamp.after.max.ms=9223372036854775807, message.timestamp.type=CreateTime, retention.ms=-1",
			"another application name",
		}},
		{"a repartition topic that is gone", kept{topics: []string{counts, more}, metadata: of(repartition)}, false, []string{
			"internal topic app-counts-repartition is gone", "not processed yet", "cleanup.policy=delete",
		}},
		{"all of them gone", kept{metadata: of(repartition, counts, more)}, false, []string{repartition, counts, more}},
		{"topics that another instance makes at the same time", kept{topics: []string{repartition, more}, later: []string{counts}, metadata: of(repartition, counts, more)}, false, nil},
		{"offsets that were set by hand", kept{topics: []string{repartition}}, true, nil},
		{"offsets of an application that had no store", kept{metadata: of()}, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				_, create, err := prepare(t.Context(), &c.kept, p, 0)
				if err == nil {
					err = lost(t.Context(), &c.kept, p, create, slog.New(slog.NewTextHandler(&said, nil)))
				}
				if (err != nil) != (c.says != nil) {
					t.Fatalf("the start came to %v", err)
				}
				for _, what := range c.says {
					if !strings.Contains(err.Error(), what) {
						t.Errorf("%q is not in %v", what, err)
					}
				}
				if warned := strings.Contains(said.String(), "level=WARN"); warned != c.warns {
					t.Errorf("the log says %q", said.String())
				}
			})
		})
	}
}
