package framework_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// environment returns what looks up settings name=value.
func environment(settings ...string) func(string) string {
	return func(name string) string {
		for _, s := range settings {
			if value, ok := strings.CutPrefix(s, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestMainRefusesAnEnvironmentAndSaysAllThatIsWrongWithIt(t *testing.T) {
	words := kafka.Topic("words", codec.None, codec.String)
	rated := func(t *framework.Topology) {
		t.From(words).RateLimit(1, time.Second).ForEach(func(context.Context, string) error { return nil })
	}
	for _, c := range []struct {
		name string
		env  []string
		says []string
	}{
		{
			"unknown guarantee, no brokers",
			[]string{"APP_GUARANTEE=twice"},
			[]string{`APP_GUARANTEE: "twice" is no guarantee: at-least-once and exactly-once are`, "KAFKA_BROKERS is not set"},
		},
		{"a graph that is not for exactly once", []string{"KAFKA_BROKERS=a:1", "APP_GUARANTEE=exactly-once"}, []string{"longer than a transaction may last"}},
		{"an instance with spaces", []string{"KAFKA_BROKERS=a:1", "APP_INSTANCE=a b"}, []string{`instance "a b"`}},
		{"a name with spaces", []string{"KAFKA_BROKERS=a:1", "APP_NAME=a b"}, []string{`"a b"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := framework.RunMain(t.Context(), environment(c.env...), rated)
			for _, s := range c.says {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("the error is %v and does not say %s", err, s)
				}
			}
		})
	}
}

func TestMainTakesGuaranteeAndInstanceFromTheEnvironment(t *testing.T) {
	broker, err := embedded.Start(embedded.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addrs()...), kgo.DefaultProduceTopic("words"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "words"); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), kgo.StringRecord("a")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	words := kafka.Topic("words", codec.None, codec.String)
	for _, c := range []struct {
		guarantee string
		ids       []string
	}{
		{"", nil},
		{"at-least-once", nil},
		{"exactly-once", []string{"main-pod-0-0"}},
	} {
		ctx, stop := context.WithCancel(t.Context())
		env := environment("KAFKA_BROKERS="+strings.Join(broker.Addrs(), ","), "APP_NAME=main", "APP_INSTANCE=pod-0", "APP_GUARANTEE="+c.guarantee)
		err := framework.RunMain(ctx, env, func(t *framework.Topology) {
			t.From(words).Peek(func(string) { stop() }).To(kafka.Topic("out"+c.guarantee, codec.None, codec.String, kafka.Partitions(1)))
		})
		stop()
		if err != nil {
			t.Fatalf("guarantee %q: %v", c.guarantee, err)
		}
		if _, err := admin.DeleteGroup(t.Context(), "main"); err != nil { // the next one reads the record anew
			t.Fatal(err)
		}
		listed, err := admin.ListTransactions(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := listed.TransactionalIDs(); strings.Join(got, " ") != strings.Join(c.ids, " ") {
			t.Errorf("guarantee %q: the transactional ids are %v, want %v", c.guarantee, got, c.ids)
		}
	}
}

func TestAGuaranteeIsReadAsItIsWritten(t *testing.T) {
	for _, g := range []framework.Guarantee{framework.AtLeastOnce, framework.ExactlyOnce} {
		text, err := g.MarshalText()
		got := framework.Guarantee(-1)
		if err == nil {
			err = got.UnmarshalText(text)
		}
		if err != nil || got != g {
			t.Errorf("%s is read as %s (%v)", g, got, err)
		}
	}
	g := framework.ExactlyOnce
	if err := g.UnmarshalText([]byte("Exactly-Once")); err == nil || g != framework.ExactlyOnce {
		t.Errorf("a text of no guarantee is read as %s (%v)", g, err)
	}
}
