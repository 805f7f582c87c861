package framework_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/millrace/millrace/framework/internal/engine"
)

// The bytes are those that TimeWindowedSerializer and SessionWindowedSerializer of Kafka Streams 4.1 write.
func TestWindowedKeysAreWrittenAsKafkaStreamsDoes(t *testing.T) {
	key := framework.WindowedKey[string]{Key: "ab", Window: framework.NewWindow(time.UnixMilli(1000), time.UnixMilli(1256))}
	for _, c := range []struct {
		codec codec.Codec[framework.WindowedKey[string]]
		want  string
	}{
		{framework.WindowedKeys(codec.String, 256*time.Millisecond), "6162" + "00000000000003e8"},
		{framework.SessionKeys(codec.String), "6162" + "00000000000004e8" + "00000000000003e8"},
	} {
		b, err := c.codec.Append(nil, key)
		if got := hex.EncodeToString(b); err != nil || got != c.want {
			t.Errorf("%s: got %s, want %s (%v)", c.codec.Name(), got, c.want, err)
		}
		if back, err := c.codec.Decode(b); err != nil || back != key {
			t.Errorf("%s: came back as %v, %v", c.codec.Name(), back, err)
		}
		if _, err := c.codec.Decode(b[:7]); err == nil {
			t.Errorf("%s: seven bytes are a key with a window", c.codec.Name())
		}
	}
	if _, err := framework.WindowedKeys(codec.String, time.Second).Append(nil, key); err == nil {
		t.Error("a window of another size was written")
	}
}

func TestAWindowedKeyIsInThePartitionOfItsKey(t *testing.T) {
	out := frameworktest.Topic("hourly", framework.WindowedKeys(codec.String, 10*time.Millisecond), codec.Int64)
	d := frameworktest.Config{Partitions: 7}.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().Tumbling(10 * time.Millisecond).Emit(framework.OnClose).Count("hourly").Stream().
			Then(framework.WindowKeys).To(out)
	})
	pipeText(d, "in", "a=1@5 b=1@7 a=1@15")
	d.End()
	raw := d.ReadRaw("hourly")
	if len(raw) != 3 {
		t.Fatalf("%d results, want 3", len(raw))
	}
	for _, r := range raw {
		if want := engine.PartitionOf(r.Key[:1], 7); r.Partition != want {
			t.Errorf("%x is in partition %d, want %d", r.Key, r.Partition, want)
		}
	}
}
