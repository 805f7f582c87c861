package frameworktest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/engine"
)

// Maybe is a value that may be missing.
type Maybe[T any] struct {
	Value T
	OK    bool // false: there is none
}

// Read returns the records that were written to the topic since it was read last, in the order in which they were
// written. A record without key has the zero key. Where there is a tombstone among them the test fails: ReadMaybe tells
// it from a zero value.
func (d *Driver) Read[K comparable, V any](from framework.Topic[K, V]) []framework.Record[K, V] {
	d.helper()
	var records []framework.Record[K, V]
	for _, r := range d.ReadMaybe(from) {
		if !r.Value.OK {
			d.fatal(fmt.Errorf("topic %s holds a tombstone of key %v: read it with ReadMaybe", from.Name(), r.Key))
		}
		records = append(records, r.WithValue(r.Value.Value))
	}
	return records
}

// ReadMaybe is Read for topics with tombstones: their values are not OK.
func (d *Driver) ReadMaybe[K comparable, V any](from framework.Topic[K, V]) []framework.Record[K, Maybe[V]] {
	d.helper()
	var records []framework.Record[K, Maybe[V]]
	for _, raw := range d.ReadRaw(from.Name()) {
		r := framework.Record[K, Maybe[V]]{Time: raw.Time, Headers: raw.Headers}
		var err error
		if raw.Key != nil {
			if r.Key, err = from.KeyCodec().Decode(raw.Key); err != nil {
				d.fatal(fmt.Errorf("topic %s, partition %d, offset %d: decode the key: %w", from.Name(), raw.Partition, raw.Offset, err))
			}
		}
		if raw.Value != nil {
			r.Value.OK = true
			if r.Value.Value, err = from.ValueCodec().Decode(raw.Value); err != nil {
				d.fatal(fmt.Errorf("topic %s, partition %d, offset %d: decode the value: %w", from.Name(), raw.Partition, raw.Offset, err))
			}
		}
		records = append(records, r)
	}
	return records
}

// ReadRaw is Read for bytes. It knows internal topics, too: <application>-<name>-repartition and
// <application>-<store>-changelog. The watermarks that tasks send through repartition topics
// are left out, and what a changelog says of itself.
func (d *Driver) ReadRaw(topic string) []Raw {
	d.helper()
	log := d.topic(topic, -1, "has")
	var records []Raw
	for _, at := range log.order[log.read:] {
		r := clone(log.partitions[at.Partition.Partition][at.Offset])
		if engine.IsControl(&r) || engine.IsForm(r.Key) {
			continue
		}
		records = append(records, Raw{
			Key: r.Key, Value: r.Value, Time: time.UnixMilli(r.Time).UTC(), Headers: r.Headers,
			Partition: at.Partition.Partition, Offset: r.Offset,
		})
	}
	log.read = len(log.order)
	return records
}

// Get returns the value of a key in a store, in whichever task holds it.
func (d *Driver) Get[K comparable, V any](h framework.Store[K, V], k K) (v V, ok bool) {
	d.helper()
	for _, s := range d.stores(h) {
		found, has := s.Get(k)
		if has && ok {
			d.fatal(fmt.Errorf("store %s: two tasks hold key %v: its records went to several partitions", h.Name(), k))
		}
		if has {
			v, ok = found, true
		}
	}
	return v, ok
}

// Content returns what a store holds, in all its tasks.
func (d *Driver) Content[K comparable, V any](h framework.Store[K, V]) map[K]V {
	d.helper()
	content := map[K]V{}
	for _, s := range d.stores(h) {
		for k, v := range s.All() {
			if _, twice := content[k]; twice {
				d.fatal(fmt.Errorf("store %s: two tasks hold key %v: its records went to several partitions", h.Name(), k))
			}
			content[k] = v
		}
	}
	return content
}

// stores returns the store of each task that has it.
func (d *Driver) stores[K comparable, V any](h framework.Store[K, V]) (found []*framework.KV[K, V]) {
	d.helper()
	var names []string
	for _, t := range d.tasks {
		t.Stores(func(s engine.Store, _ int32) {
			if names = append(names, s.Name()); s.Name() != h.Name() {
				return
			}
			kv, ok := s.(*framework.KV[K, V])
			if !ok {
				d.fatal(fmt.Errorf("store %q: it is a %T, asked as %s", h.Name(), s, reflect.TypeFor[*framework.KV[K, V]]()))
			}
			found = append(found, kv)
		})
	}
	if len(found) == 0 {
		slices.Sort(names)
		d.fatal(fmt.Errorf("the topology has no store %q; it has %q", h.Name(), slices.Compact(names)))
	}
	return found
}

// Dropped returns how many records were dropped, by reason: "undecodable", "null_key", "null_value", "negative_time".
// A reason that nothing was dropped for is not in it.
func (d *Driver) Dropped() map[string]int64 {
	sum := d.dropped
	for _, t := range d.tasks {
		_, drops := t.Counts()
		for reason, n := range drops {
			sum[reason] += n
		}
	}
	dropped := map[string]int64{}
	for reason, n := range sum {
		if n > 0 {
			dropped[engine.Reason(reason).String()] = n
		}
	}
	return dropped
}

// Partitions returns how many records of the topic are in each of its partitions; watermarks are no records.
func (d *Driver) Partitions(topic string) []int {
	d.helper()
	var n []int
	for _, p := range d.topic(topic, -1, "has").partitions {
		records := 0
		for i := range p {
			if !engine.IsControl(&p[i]) {
				records++
			}
		}
		n = append(n, records)
	}
	return n
}
