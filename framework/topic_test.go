package framework_test

import (
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

func TestATopicSaysWhereItIsReadFromAndWhatAGapMeans(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		topic framework.Topic[string, int]
		start connector.Start
		skip  bool
	}{
		"by default at the beginning":  {numbers, connector.Start{}, false},
		"at the beginning":             {numbers.StartLatest().StartEarliest(), connector.Start{}, false},
		"at the end":                   {numbers.StartLatest(), connector.Start{Latest: true}, false},
		"at a time":                    {numbers.StartLatest().StartAt(noon), connector.Start{At: noon}, false},
		"passing over a gap":           {numbers.OnGap(framework.Skip), connector.Start{}, true},
		"passing over no gap any more": {numbers.OnGap(framework.Skip).OnGap(framework.Fail), connector.Start{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			top := framework.New()
			top.From(c.topic).To(results)
			plan, err := top.Plan("app")
			if err != nil {
				t.Fatal(err)
			}
			for _, topic := range plan.Topics {
				if topic.Spec.Role == connector.RoleSource && (topic.Start != c.start || topic.SkipGap != c.skip) {
					t.Errorf("start %+v, gaps passed over: %t", topic.Start, topic.SkipGap)
				}
			}
		})
	}
}

func TestATopicNamesItselfAndItsCodecs(t *testing.T) {
	topic := framework.NewTopic(connector.Factory{}, connector.TopicSpec{Name: "orders"}, codec.String, codec.Int64)
	if topic.Name() != "orders" || topic.KeyCodec() != codec.String || topic.ValueCodec() != codec.Int64 {
		t.Errorf("topic %s with %s and %s", topic.Name(), topic.KeyCodec().Name(), topic.ValueCodec().Name())
	}
}
