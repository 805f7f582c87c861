package kafka

import (
	"testing"

	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestALogHoldsNothingMoreOnlyBehindItsLastRecord(t *testing.T) {
	b, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "log"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "log", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		from, end int64
		want      bool
	}{
		{0, 3, false}, // all are there
		{2, 3, false}, // the last one is there
		{3, 3, true},  // behind it
		{3, 4, false}, // the log does not reach that end yet
	} {
		got, err := nothingLeft(t.Context(), cl, "log", 0, c.from, c.end)
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("nothing left from %d to %d: %t, want %t", c.from, c.end, got, c.want)
		}
	}
}
