package frameworktest

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// Raw is a record as bytes.
type Raw struct {
	Key       []byte // nil: no key
	Value     []byte // nil: null, a tombstone
	Time      time.Time
	Headers   []framework.Header
	Partition int32
	Offset    int64
}

// Topic returns a topic for tests that needs no connector. The topics of an application do as well.
func Topic[K comparable, V any](name string, keys codec.Codec[K], values codec.Codec[V]) framework.Topic[K, V] {
	return framework.NewTopic(connector.Factory{Kind: "frameworktest"}, connector.TopicSpec{Name: name}, keys, values)
}

// Pipe writes a record to a topic that the topology reads. When it returns, all that comes of the record is in the
// topics and stores; inside Batch it waits for the batch's end. A key of type None is no key. The partition is the one
// that Kafka's default partitioner chooses. An error of the topology fails the test.
func (d *Driver) Pipe[K comparable, V any](to framework.Topic[K, V], k K, v V, at time.Time) {
	d.helper()
	if err := d.TryPipe(to, k, v, at); err != nil {
		d.fatal(err)
	}
}

// TryPipe is Pipe that returns the error with which the application stops. From then on it is stopped, and each
// further record gives that error, until Rebuild.
func (d *Driver) TryPipe[K comparable, V any](to framework.Topic[K, V], k K, v V, at time.Time) error {
	d.helper()
	return d.TryPipeRaw(to.Name(), d.encode(to, framework.Record[K, V]{Key: k, Value: v, Time: at}))
}

// PipeRecord is Pipe with headers. The record's window goes nowhere: topics have no place for it.
func (d *Driver) PipeRecord[K comparable, V any](to framework.Topic[K, V], r framework.Record[K, V]) {
	d.helper()
	if err := d.TryPipeRaw(to.Name(), d.encode(to, r)); err != nil {
		d.fatal(err)
	}
}

// PipeNull pipes a null value, which a table takes for the deletion of the key.
func (d *Driver) PipeNull[K comparable, V any](to framework.Topic[K, V], k K, at time.Time) {
	d.helper()
	raw := d.encode(to, framework.Record[K, V]{Key: k, Time: at})
	raw.Value = nil
	if err := d.TryPipeRaw(to.Name(), raw); err != nil {
		d.fatal(err)
	}
}

// PipeRaw pipes bytes as they are: records without key on a topic of keys, records that cannot be decoded. Partition
// and Offset of the record are not looked at.
func (d *Driver) PipeRaw(topic string, r Raw) {
	d.helper()
	if err := d.TryPipeRaw(topic, r); err != nil {
		d.fatal(err)
	}
}

// TryPipeRaw is PipeRaw that returns the error, as TryPipe does.
func (d *Driver) TryPipeRaw(topic string, r Raw) error {
	d.helper()
	log := d.topic(topic, connector.RoleSource, "reads")
	if d.err != nil {
		return d.err
	}
	log.pipe(clone(connector.Record{Time: r.Time.UnixMilli(), Key: r.Key, Value: r.Value, Headers: r.Headers}))
	d.piped++
	return d.settle()
}

func (d *Driver) encode[K comparable, V any](to framework.Topic[K, V], r framework.Record[K, V]) Raw {
	d.helper()
	raw := Raw{Time: r.Time, Headers: r.Headers}
	var err error
	if _, none := any(r.Key).(framework.None); !none {
		if raw.Key, err = to.KeyCodec().Append([]byte{}, r.Key); err != nil {
			d.fatal(fmt.Errorf("pipe to topic %s: encode the key: %w", to.Name(), err))
		}
	}
	if raw.Value, err = to.ValueCodec().Append([]byte{}, r.Value); err != nil {
		d.fatal(fmt.Errorf("pipe to topic %s: encode the value: %w", to.Name(), err))
	}
	return raw
}
