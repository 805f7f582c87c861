package framework

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// handler takes the fetched records of one source partition.
type handler = func(m *Meta, r *connector.Record) error

// decoding returns what decodes fetched records and hands them on. nulls: a null value is a tombstone; else it is
// dropped and counted.
func decoding[K comparable, V any](o *opening, n *node, keys codec.Codec[K], values codec.Codec[V], options sourceOptions, nulls bool, next Emit[K, V]) handler {
	op := &Op{o: o, n: n}
	entered, id := op.enter()
	unkeyed := isNone[K]()
	read := keyCell[K](o, false)
	bad := func(m *Meta, policy Policy, reason engine.Reason, err error) error {
		if policy == Skip {
			op.drop(reason)
			return nil
		}
		return op.fail(m, err)
	}
	return func(m *Meta, r *connector.Record) error {
		*entered = id
		if r.Time < 0 {
			return bad(m, options.badTime, engine.DropNegativeTime, errNegativeTime)
		}
		var k K
		var v V
		var err error
		if unkeyed {
			m.NoKey = true
		} else if r.Key != nil {
			if k, err = keys.Decode(r.Key); err != nil {
				return bad(m, options.badRecord, engine.DropUndecodable, decodeError("key", keys.Name(), err))
			}
		}
		if r.Value != nil {
			if v, err = values.Decode(r.Value); err != nil {
				return bad(m, options.badRecord, engine.DropUndecodable, decodeError("value", values.Name(), err))
			}
		} else if !nulls {
			op.drop(dropNullValue)
			return nil
		}
		if read != nil {
			*read = k
		}
		return next(m, k, v)
	}
}

var errNegativeTime = errors.New("the record's timestamp is negative: set the producer's timestamps, or pass such records over with OnBadTime(framework.Skip)")

// ErrUndecodable is what an error about a record that cannot be decoded wraps.
var ErrUndecodable = errors.New("undecodable record")

func decodeError(what, codec string, err error) error {
	return fmt.Errorf("%w: its %s is no %s: %w; mend the producer, or pass such records over with OnBadRecord(framework.Skip)", ErrUndecodable, what, codec, err)
}
