package examples_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	bolt "go.etcd.io/bbolt"
)

// A sink outside Kafka is in no transaction: after a crash between its write and the commit of the offsets it is handed the same
// records once more, with either guarantee. It is made idempotent by a key that is the same each time: where the record was read.
//
// That works for what is made of one record, and of what the record is read from: a topic of the user's own keeps its records and their
// offsets. Behind an internal topic (a repartition) it takes ExactlyOnce, since otherwise what is written there once more gets other
// offsets. Where several results come of a record, number them within the key.
//
// It does not work for results of aggregates and windows, which are made of many records: which one triggers a result is luck. Write
// them by what they are of, the aggregate's key, or the window and the key, and let the later replace the earlier: what comes
// again ends with the same value. With AtLeastOnce the value itself may be too high after a crash; with ExactlyOnce it is not.
//
// What cannot be written twice by a key, a mail or a call of somebody's API that knows no key of idempotency, cannot be made idempotent
// by any sink. Let the topology write it to a topic, exactly once, and the last step repeat itself.
//
// The database is bbolt: a file, in pure Go, with transactions, kept up by the etcd project, of which it is the storage.
func TestASinkWithAKeyOfTheRecordIsIdempotent(t *testing.T) {
	for _, c := range []struct {
		name      string
		key       func(*bolt.Bucket, payment) ([]byte, error)
		guarantee framework.Guarantee
		repeat    bool
	}{
		{"keyed by topic, partition and offset, each record is there once", byPlace, framework.AtLeastOnce, false},
		{"numbered as they come, records are there again", byNumber, framework.AtLeastOnce, true},
		{"keyed, with exactly once", byPlace, framework.ExactlyOnce, false},
		{"numbered, with exactly once", byNumber, framework.ExactlyOnce, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows := afterACrash(t, c.guarantee, c.key)
			for cents := 1; cents <= payments; cents++ {
				n := rows[cents]
				if n == 0 {
					t.Errorf("the payment of %d cents is missing", cents)
				}
				if n > 1 && !c.repeat {
					t.Errorf("the payment of %d cents is there %d times", cents, n)
				}
			}
			if crashed := rows[crashAt] > 1; crashed != c.repeat {
				t.Errorf("the payment before the crash is there %d times", rows[crashAt])
			}
		})
	}
}

const (
	payments = 20
	crashAt  = 7
)

// payment is a value with the place that it was read from.
type payment struct {
	Topic     string
	Partition int32
	Offset    int64
	Cents     int
}

// placed adds to each value where it was read.
func placed(_ *framework.Op, next framework.Emit[framework.None, payment]) framework.Emit[framework.None, int] {
	return func(m *framework.Meta, k framework.None, cents int) error {
		return next(m, k, payment{m.Topic, m.Partition, m.Offset, cents})
	}
}

func byPlace(_ *bolt.Bucket, p payment) ([]byte, error) {
	return fmt.Appendf(nil, "%s/%d/%020d", p.Topic, p.Partition, p.Offset), nil
}

func byNumber(rows *bolt.Bucket, _ payment) ([]byte, error) {
	n, err := rows.NextSequence()
	return fmt.Appendf(nil, "%020d", n), err
}

// ledger is the sink.
type ledger struct {
	db    *bolt.DB
	key   func(*bolt.Bucket, payment) ([]byte, error)
	crash bool // once, after the payment of crashAt is written
}

var errCrash = errors.New("crash")

// write returns when the payment is durable. One that is there already is written over with the same.
func (l *ledger) write(_ context.Context, p payment) error {
	err := l.db.Update(func(tx *bolt.Tx) error {
		rows, err := tx.CreateBucketIfNotExists([]byte("payments"))
		if err != nil {
			return err
		}
		key, err := l.key(rows, p)
		if err != nil {
			return err
		}
		row, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return rows.Put(key, row)
	})
	if err == nil && l.crash && p.Cents == crashAt {
		err = errCrash // before the offset is committed
	}
	return err
}

// count returns how often each payment is there, by its cents.
func (l *ledger) count() (rows map[int]int, err error) {
	rows = map[int]int{}
	return rows, l.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("payments")).ForEach(func(_, row []byte) error {
			var p payment
			err := json.Unmarshal(row, &p)
			rows[p.Cents]++
			return err
		})
	})
}

// afterACrash writes payments to a database, by an application that crashes on the way and is started again.
func afterACrash(t *testing.T, g framework.Guarantee, key func(*bolt.Bucket, payment) ([]byte, error)) map[int]int {
	t.Helper()
	broker, err := embedded.Start(embedded.Config{Logger: quiet})
	must(err)
	defer broker.Close()
	var values []string
	for cents := 1; cents <= payments; cents++ {
		values = append(values, fmt.Sprint(cents))
	}
	topic := kafka.Topic("payments", codec.None, codec.JSON[int]())
	produce(broker.Addrs(), topic.Name(), values...)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "ledger.db"), 0o600, &bolt.Options{Timeout: time.Second})
	must(err)
	defer db.Close()

	l := &ledger{db: db, key: key, crash: true}
	run := func() error {
		return framework.Run(t.Context(), framework.Config{
			Name: "ledger", Guarantee: g, Bounded: true, Logger: quiet,
			Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: broker.Addrs()})},
		}, func(t *framework.Topology) {
			t.From(topic).Process("", placed).ForEach(l.write)
		})
	}
	if err := run(); !errors.Is(err, errCrash) {
		t.Fatalf("the application did not crash, but ended with: %v", err)
	}
	l.crash = false
	must(run())
	rows, err := l.count()
	must(err)
	return rows
}
