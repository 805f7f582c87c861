// Package embedded runs a Kafka broker inside the process, so that a graph made for Kafka runs on a laptop or in
// a test with nothing installed. It is kfake of the franz-go project, which speaks the protocol with groups and
// transactions, but is one broker without replication: for production use Kafka.
//
// With [Config.Dir] topics, records, committed offsets and transactional ids survive a restart, provided that
// [Broker.Close] ended the run. They are not guarded against kill -9 or a power failure: then a transaction may be visible in some of
// its partitions only, and records deleted before may come back.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Config configures a broker. The zero value is a broker in memory on a random port.
type Config struct {
	// Dir is where the broker keeps its state; it is created where it does not exist, and belongs to one broker at a time.
	// Empty: in memory.
	Dir string
	// ReserveBytes is what must stay free under Dir. Below it the broker refuses records and new topics and reports so
	// by [Broker.Err]; the reserve is for what a graceful stop still has to write, and must exceed message.max.bytes.
	// 0: 16 MiB.
	ReserveBytes int64
	// Port is the port on 127.0.0.1. 0: a free one.
	Port int
	// Logger receives what the broker warns about, and with level debug what it does. nil: [slog.Default].
	Logger *slog.Logger
	// Listen opens the broker's listener. nil: [net.Listen]. For a test with fake time it is [kfake.VirtualNetwork.Listen],
	// of which the clients use the DialContext; build such a test with the tag synctests.
	Listen func(network, address string) (net.Listener, error)
	// Options are handed to kfake after the broker's own, for what is not named here.
	Options []kfake.Opt

	free func(dir string) (int64, error) // tests set it; nil: freeBytes
}

// Broker is a running broker. Its methods may be called from any goroutine.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	gate    *gate
	storage *storage // nil: in memory
	unlock  func() error

	closed   sync.Once
	closeErr error
}

// Start starts a broker. It returns an error that names Dir where another process uses it, where it cannot be read,
// and where too little is free under it.
func Start(c Config) (*Broker, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Listen == nil {
		c.Listen = net.Listen
	}
	b := &Broker{gate: &gate{open: c.Listen}, unlock: func() error { return nil }}
	logger := &logger{to: c.Logger}
	options := []kfake.Opt{
		kfake.Ports(c.Port),
		kfake.ListenFn(b.gate.listen),
		kfake.WithLogger(logger),
		// Committed offsets of a graph that was not run for a week must be there when it is.
		kfake.BrokerConfigs(map[string]string{"offsets.retention.minutes": "2147483647"}),
	}
	if c.Dir != "" {
		unlock, err := lock(c.Dir)
		if err != nil {
			return nil, err
		}
		b.unlock = unlock
		b.storage = newStorage(c, b.gate)
		if err := b.storage.prepare(); err != nil {
			return nil, errors.Join(err, unlock())
		}
		logger.storage = b.storage
		options = append(options, kfake.DataDir(b.storage.data()))
	}
	cluster, err := kfake.NewCluster(append(options, c.Options...)...)
	if err != nil {
		if b.storage != nil {
			err = b.storage.describe(err)
		} else {
			err = fmt.Errorf("embedded broker: %w", err)
		}
		return nil, errors.Join(err, b.unlock())
	}
	b.cluster = cluster
	b.addrs = cluster.ListenAddrs()
	wholeFetches(cluster)
	if b.storage != nil {
		b.storage.guard(cluster)
	}
	return b, nil
}

// wholeFetches has no fetch be cut where it gets too long as a whole, only where a partition of it does: of the partition in which it
// is cut, kfake does not say which transactions were aborted, and their records are read as if they were committed.
func wholeFetches(cluster *kfake.Cluster) {
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		r.(*kmsg.FetchRequest).MaxBytes = math.MaxInt32
		return nil, nil, false
	})
}

// Addrs returns the broker's addresses, as clients take them for seed brokers.
func (b *Broker) Addrs() []string { return b.addrs }

// Cluster returns the broker itself, for tests that inject faults. It must not be used after Close or after an error of Err.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Err returns a channel that receives one error when the broker can no longer store what it is sent, and is never closed.
// A full disk (the error is ENOSPC to [errors.Is]) is noticed while [Config.ReserveBytes] are free: records are refused
// with POLICY_VIOLATION, which clients do not retry, but what is done can still be committed. Any other failed write cuts all
// connections at once. Either way nothing is acknowledged that is not stored, and a broker started again on Dir goes on from
// there. In memory the channel is nil.
func (b *Broker) Err() <-chan error {
	if b.storage == nil {
		return nil
	}
	return b.storage.errs
}

// Close stops the broker. With Dir everything that it acknowledged is on disk when it returns without an error; with an error
// it is still in files, of which the operating system has some in memory. Clients should be closed before. It is safe to call twice.
func (b *Broker) Close() error {
	b.closed.Do(func() {
		if b.storage == nil {
			b.cluster.Close()
		} else {
			b.closeErr = b.storage.close(b.cluster)
		}
		b.gate.shut()
		b.closeErr = errors.Join(b.closeErr, b.unlock())
	})
	return b.closeErr
}
