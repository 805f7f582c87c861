package memory

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// CreateTopic creates a topic before an application does, so that it can be written to; one that exists is left as it
// is.
func (c *Connector) CreateTopic(name string, partitions int) error {
	return c.Create(connector.TopicSpec{Name: name, Partitions: int32(partitions)})
}

// Write writes records to a topic that exists, from outside of any application. A record goes to the partition that a
// sink chooses for its key; those without key go to one partition after the other. A record without time gets the
// present one.
func Write[K comparable, V any](c *Connector, to framework.Topic[K, V], records ...framework.Record[K, V]) error {
	logs := c.Logs(to.Name())
	if logs == nil {
		return fmt.Errorf("write to topic %s: it does not exist; create it by CreateTopic, or start the application that declares it", to.Name())
	}
	next, unkeyed := int64(0), to.KeyCodec() == any(codec.None)
	for _, l := range logs {
		next += l.Span().End
	}
	for i, r := range records {
		out, err := encode(to, r, unkeyed)
		if err != nil {
			return fmt.Errorf("write to topic %s: record %d: %w", to.Name(), i, err)
		}
		p := int32(next % int64(len(logs)))
		if !unkeyed {
			p = local.PartitionOf(out.Key, int32(len(logs)))
		}
		logs[p].Append(out)
		next++
	}
	return nil
}

// WriteValues is Write for values without keys and with the present time.
func WriteValues[V any](c *Connector, to framework.Topic[framework.None, V], values ...V) error {
	records := make([]framework.Record[framework.None, V], len(values))
	for i, v := range values {
		records[i].Value = v
	}
	return Write(c, to, records...)
}

func encode[K comparable, V any](to framework.Topic[K, V], r framework.Record[K, V], unkeyed bool) (out connector.Record, err error) {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	out = connector.Record{Time: r.Time.UnixMilli(), Headers: r.Headers}
	if !unkeyed {
		if out.Key, err = to.KeyCodec().Append([]byte{}, r.Key); err != nil {
			return out, fmt.Errorf("encode the key as %s: %w", to.KeyCodec().Name(), err)
		}
	}
	if out.Value, err = to.ValueCodec().Append([]byte{}, r.Value); err != nil {
		return out, fmt.Errorf("encode the value as %s: %w", to.ValueCodec().Name(), err)
	}
	return out, nil
}

// Read returns all that is in a topic, by partition, then in the order in which it was written; nothing where the topic
// does not exist. A record without key has the zero key. A tombstone is an error: Latest understands them.
func Read[K comparable, V any](c *Connector, from framework.Topic[K, V]) (records []framework.Record[K, V], err error) {
	err = each(c, from, func(r framework.Record[K, V], deleted bool) error {
		if deleted {
			return fmt.Errorf("a tombstone of key %v: read the topic with Latest", r.Key)
		}
		records = append(records, r)
		return nil
	})
	return records, err
}

// Latest returns the last value of each key in a topic, without the keys whose last record is a tombstone.
func Latest[K comparable, V any](c *Connector, from framework.Topic[K, V]) (map[K]V, error) {
	values := map[K]V{}
	err := each(c, from, func(r framework.Record[K, V], deleted bool) error {
		if values[r.Key] = r.Value; deleted {
			delete(values, r.Key)
		}
		return nil
	})
	return values, err
}

// each calls f with each record of a topic; its value is the zero value where it is deleted.
func each[K comparable, V any](c *Connector, from framework.Topic[K, V], f func(r framework.Record[K, V], deleted bool) error) error {
	if from.KeyCodec() == nil || from.ValueCodec() == nil {
		return errors.New("topic " + from.Name() + " has no codecs")
	}
	buffer := make([]connector.Record, 0, 256)
	for p, l := range c.Logs(from.Name()) {
		log := l.Snapshot()
		for next := log.Start; ; {
			raw, _ := log.Read(buffer, next, 1<<20)
			for i := range raw {
				r, err := decode(from, &raw[i])
				if err == nil {
					err = f(r, raw[i].Value == nil)
				}
				if err != nil {
					return fmt.Errorf("topic %s, partition %d, offset %d: %w", from.Name(), p, raw[i].Offset, err)
				}
				next = raw[i].Offset + 1
			}
			if len(raw) == 0 {
				break
			}
		}
	}
	return nil
}

func decode[K comparable, V any](from framework.Topic[K, V], raw *connector.Record) (r framework.Record[K, V], err error) {
	r.Time, r.Headers = time.UnixMilli(raw.Time).UTC(), raw.Headers
	if raw.Key != nil {
		if r.Key, err = from.KeyCodec().Decode(raw.Key); err != nil {
			return r, fmt.Errorf("decode the key as %s: %w", from.KeyCodec().Name(), err)
		}
	}
	if raw.Value != nil {
		if r.Value, err = from.ValueCodec().Decode(raw.Value); err != nil {
			return r, fmt.Errorf("decode the value as %s: %w", from.ValueCodec().Name(), err)
		}
	}
	return r, nil
}
