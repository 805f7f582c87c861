package examples_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// A service with state of its own: each invoice is passed on once, however often it is sent, exactly once through crashes. What it has
// seen is in a folder, and in a changelog topic for the day on which the folder is lost. It forgets an invoice after 30 days of event time.
func Example_stateOnDisk() {
	broker, err := embedded.Start(embedded.Config{Logger: quiet})
	must(err)
	defer broker.Close()
	folder, err := os.MkdirTemp("", "state")
	must(err)
	defer os.RemoveAll(folder)

	invoices := kafka.Topic("invoices", codec.None, codec.String)
	payable := kafka.Topic("payable", codec.String, codec.String, kafka.Partitions(1))
	produce(broker.Addrs(), invoices.Name())
	topology := func(t *framework.Topology) {
		t.From(invoices).
			KeyBy(func(invoice string) string { return invoice }).
			Repartition("invoices-by-number"). // so that one task sees all that have one number
			Process("once", once).
			To(payable)
	}
	var restored atomic.Int64
	config := framework.Config{
		Name: "invoices", Guarantee: framework.ExactlyOnce, StateDir: folder, Bounded: true, Logger: quiet,
		Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: broker.Addrs()})},
		OnRestore: func(e framework.RestoreEvent) { // what a start reads from changelogs
			if e.Done {
				restored.Add(e.Entries)
			}
		},
	}
	run := func(sent ...string) {
		restored.Store(0)
		send(broker.Addrs(), invoices.Name(), sent...)
		must(framework.Run(context.Background(), config, topology))
		fmt.Println("read from the changelog:", restored.Load() > 0)
	}

	run("R-1", "R-2", "R-1")
	run("R-2", "R-3") // the folder has all that was seen
	must(os.RemoveAll(filepath.Join(folder, config.Name)))
	run("R-3", "R-1", "R-4") // the changelog has it, too

	config = framework.Config{Name: "show", Connectors: config.Connectors, Bounded: true, Logger: quiet}
	must(framework.Run(context.Background(), config, func(t *framework.Topology) {
		t.From(payable).ForEach(func(_ context.Context, invoice string) error { fmt.Println(invoice); return nil })
	}))
	// Unordered output:
	// read from the changelog: false
	// read from the changelog: false
	// read from the changelog: true
	// R-1
	// R-2
	// R-3
	// R-4
}

// once hands each value on the first time that it comes.
func once(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
	seen := op.Store(framework.StoreOf[string, bool]("seen").TTL(30 * 24 * time.Hour))
	return func(m *framework.Meta, number, invoice string) error {
		if _, twice := seen.Get(number); twice {
			return nil
		}
		seen.Put(number, true)
		return next(m, number, invoice)
	}
}
