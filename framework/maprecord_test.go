package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

type record = framework.Record[string, int]

func TestMapRecordSeesAndChangesAllOfARecord(t *testing.T) {
	later := func(_ context.Context, r record) (record, error) {
		r.Value = double(r.Value)
		r.Time = r.Time.Add(time.Millisecond)
		return r, nil
	}
	checkStream(t, func(s framework.Stream[string, int]) { s.MapRecord(later).To(results) },
		check{"value and time become others", "a=1@10 b=2@20", "a=2@11 b=4@21"},
		check{"no key stays no key", "-=1@10", "-=2@11"},
		check{"a tombstone passes without a call", "a=1@10 a=-@20", "a=2@11 a=-@20"},
	)
}

func TestMapRecordToAnotherTypeOfKeyChangesTheKey(t *testing.T) {
	byValue := frameworktest.Topic("out", decimal, decimal)
	valueAsKey := func(_ context.Context, r record) (framework.Record[int, int], error) {
		return r.WithKey(r.Value), nil
	}
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).MapRecord(valueAsKey).To(byValue) })
	pipeText(d, "in", "a=1@10 -=2@20")
	if got, want := readText(d, "out"), "1=1@10 2=2@20"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMapRecordToNoneDropsTheKey(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).MapRecord(func(_ context.Context, r record) (framework.Record[framework.None, int], error) {
			return r.WithKey(framework.None{}), nil
		}).To(unkeyedOut)
	})
	pipeText(d, "in", "a=1@10")
	if got, want := readText(d, "out"), "-=1@10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMapRecordKeepsHeadersAndAddsSome(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).MapRecord(func(_ context.Context, r record) (record, error) {
			r.Headers = append(r.Headers, framework.Header{Key: "added", Value: []byte("yes")})
			return r, nil
		}).To(results)
	})
	d.PipeRecord(numbers, record{Key: "a", Value: 1, Time: at(0), Headers: []framework.Header{{Key: "trace", Value: []byte("7")}}})
	var got []string
	for _, h := range d.Read(results)[0].Headers {
		got = append(got, h.Key+":"+string(h.Value))
	}
	if want := []string{"trace:7", "added:yes"}; !slices.Equal(got, want) {
		t.Errorf("headers %v, want %v", got, want)
	}
}

func TestMapRecordRefusesWhatItMustNotReturn(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(context.Context, record) (record, error)
		want string
	}{
		{
			"another key of the same type", func(_ context.Context, r record) (record, error) { return r.WithKey("b"), nil },
			"operator map-record 1, topic in, partition 0, offset 0: the key was changed: use KeyBy, so that records of one key come together again",
		},
		{
			"a record without time", func(_ context.Context, r record) (record, error) { return record{Key: r.Key}, nil },
			"operator map-record 1, topic in, partition 0, offset 0: the record that came back has no time: make it from the given one by WithValue or WithKey, or set its Time",
		},
		{
			"its own error", func(context.Context, record) (record, error) { return record{}, errors.New("no") },
			"operator map-record 1, topic in, partition 0, offset 0: no",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).MapRecord(c.f).To(results) })
			if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestMapRecordRefusesTombstonesWhereTheTypeOfTheKeyChanges(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.Table("table", numbers).Stream().MapRecord(func(_ context.Context, r record) (framework.Record[int, int], error) {
			return r.WithKey(r.Value), nil
		}).ForEach(func(context.Context, int) error { return nil })
	})
	pipeText(d, "in", "a=1@0")
	const want = "a tombstone has no value to make another key of: filter tombstones before, or keep the type of the key"
	if err := d.TryPipeRaw("in", rawOf("a=-@0")); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got  %v\nwant … %s", err, want)
	}
}

func ExampleStream_MapRecord() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	texts := frameworktest.Topic("texts", codec.String, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).MapRecord(func(_ context.Context, r framework.Record[string, int]) (framework.Record[string, string], error) {
			return r.WithValue(fmt.Sprintf("%s ordered %d at %s", r.Key, r.Value, r.Time.Format(time.TimeOnly))), nil
		}).To(texts)
	})
	d.Pipe(orders, "ann", 3, at(60_000))
	fmt.Println(values(d.Read(texts)))
	// Output: [ann ordered 3 at 00:01:00]
}
