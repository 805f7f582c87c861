// Package brokers finds the Kafka brokers that a program of apps runs on: those that its user names, else one embedded in
// the program.
package brokers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/twmb/franz-go/pkg/kgo"
)

// dialTimeout is for the first answer of a broker.
const dialTimeout = 10 * time.Second

// List returns the addresses of a list host:port,host:port.
func List(list string) (addresses []string) {
	for address := range strings.SplitSeq(list, ",") {
		if address = strings.TrimSpace(address); address != "" {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// With calls f with the addresses, or, where there are none, with those of a broker embedded in the program, which lives as
// long as f. When that broker can store no more, f's context ends, and that is the fault, whatever f says.
func With(ctx context.Context, addresses []string, c embedded.Config, f func(ctx context.Context, addresses []string) error) error {
	if len(addresses) > 0 {
		return f(ctx, addresses)
	}
	if !c.Logger.Enabled(ctx, slog.LevelInfo) {
		c.Logger = slog.New(slog.DiscardHandler) // what matters of its warnings comes from Err, too
	}
	broker, err := embedded.Start(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var fault error
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case fault = <-broker.Err():
			cancel()
		case <-ctx.Done():
		}
	})
	err = f(ctx, broker.Addrs())
	cancel()
	watch.Wait()
	closeErr := broker.Close()
	if fault == nil {
		select {
		case fault = <-broker.Err():
		default:
			return errors.Join(err, closeErr)
		}
	}
	return fault
}

// Dial makes a client and checks that a broker answers, for at most 10 seconds.
func Dial(ctx context.Context, addresses []string, options ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(addresses...))...)
	if err != nil {
		return nil, fmt.Errorf("-brokers: %w", err)
	}
	timeout, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	keep := context.AfterFunc(timeout, client.Close) // it ends a Ping whose context has ended while a new connection stays silent
	err = client.Ping(timeout)
	if !keep() && err == nil {
		err = timeout.Err()
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("no broker answers at %s: %w; check the addresses, and that the brokers run", strings.Join(addresses, ","), err)
	}
	return client, nil
}
