package framework_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// Tests write records as text, "key=value@time": a=1@10 is value 1 of key a at 10 ms. "-" stands for no key and for no
// value. Topics in tests hold text, so that their bytes can be read.
var (
	decimal = codec.New("decimal",
		func(dst []byte, n int) ([]byte, error) { return strconv.AppendInt(dst, int64(n), 10), nil },
		func(b []byte) (int, error) { return strconv.Atoi(string(b)) })

	numbers    = frameworktest.Topic("in", codec.String, decimal)
	more       = frameworktest.Topic("more", codec.String, decimal)
	results    = frameworktest.Topic("out", codec.String, decimal)
	unkeyed    = frameworktest.Topic("in", codec.None, decimal)
	unkeyedOut = frameworktest.Topic("out", codec.None, decimal)
	lines      = frameworktest.Topic("lines", codec.None, codec.String)
)

// check is one line of an operator's table.
type check struct{ name, in, want string }

// checkStream runs an operator between two topics. Input with tombstones is read as a table, since other sources drop
// null values.
func checkStream(t *testing.T, op func(s framework.Stream[string, int]), checks ...check) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			d := frameworktest.New(t, func(top *framework.Topology) {
				if strings.Contains(c.in, "=-@") {
					op(top.Table("in", numbers).Stream())
				} else {
					op(top.From(numbers))
				}
			})
			pipeText(d, "in", c.in)
			if got := readText(d, "out"); got != c.want {
				t.Errorf("%s\n gives %s\n want  %s", c.in, got, c.want)
			}
		})
	}
}

// pipeText pipes records that are written as text.
func pipeText(d *frameworktest.Driver, topic, records string) {
	for r := range strings.FieldsSeq(records) {
		d.PipeRaw(topic, rawOf(r))
	}
}

func rawOf(text string) frameworktest.Raw {
	key, rest, _ := strings.Cut(text, "=")
	value, at, _ := strings.Cut(rest, "@")
	ms, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("record %q is not key=value@time: %v", text, err))
	}
	r := frameworktest.Raw{Time: time.UnixMilli(ms)}
	if key != "-" {
		r.Key = []byte(key)
	}
	if value != "-" {
		r.Value = []byte(value)
	}
	return r
}

// readText reads a topic as text.
func readText(d *frameworktest.Driver, topic string) string {
	var out []string
	for _, r := range d.ReadRaw(topic) {
		out = append(out, textOf(r))
	}
	return strings.Join(out, " ")
}

func textOf(r frameworktest.Raw) string {
	key, value := "-", "-"
	if r.Key != nil {
		key = string(r.Key)
	}
	if r.Value != nil {
		value = string(r.Value)
	}
	return fmt.Sprintf("%s=%s@%d", key, value, r.Time.UnixMilli())
}

// at returns the time that is ms after the epoch.
func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// present panics for the zero value, which an operator's function would see if it were called for a tombstone.
// Tests pipe no zero.
func present(n int) int {
	if n == 0 {
		panic("the function was called for a tombstone")
	}
	return n
}

func double(n int) int { return 2 * present(n) }
func even(n int) bool  { return present(n)%2 == 0 }
func add(a, b int) int { return a + b }

// equalContent fails the test if a store does not hold that.
func equalContent[K comparable, V comparable](t *testing.T, d *frameworktest.Driver, store string, want map[K]V) {
	t.Helper()
	if got := d.Content(framework.StoreOf[K, V](store)); !maps.Equal(got, want) {
		t.Errorf("store %s holds %v, want %v", store, got, want)
	}
}

func equalDropped(t *testing.T, d *frameworktest.Driver, want map[string]int64) {
	t.Helper()
	if got := d.Dropped(); !maps.Equal(got, want) {
		t.Errorf("dropped %v, want %v", got, want)
	}
}

// The examples pipe values without key and print values, or keys with them.

func pipe[V any](d *frameworktest.Driver, to framework.Topic[framework.None, V], values ...V) {
	for _, v := range values {
		d.Pipe(to, framework.None{}, v, at(0))
	}
}

func values[K comparable, V any](records []framework.Record[K, V]) (values []V) {
	for _, r := range records {
		values = append(values, r.Value)
	}
	return values
}

func show[K comparable, V any](records []framework.Record[K, V]) {
	for _, r := range records {
		fmt.Println(r.Key, r.Value)
	}
}

func sorted[E ~string](s []E) []E {
	slices.Sort(s)
	return s
}

// nothing is a sink.
func nothing(context.Context, int) error { return nil }
