package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/millrace/millrace/framework/connector"
)

// Main runs the topology until SIGINT or SIGTERM and exits: 0 after a clean stop, 1 with one line on standard error
// otherwise. The environment says where and how: KAFKA_BROKERS lists addresses host:port, APP_NAME is the application's name
// (default: the program's), APP_GUARANTEE is at-least-once (the default) or exactly-once, APP_INSTANCE is Config.Instance, and
// APP_STATE_DIR is Config.StateDir.
func Main(build func(*Topology)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, build)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string, build func(*Topology)) error {
	t := New()
	build(t)
	c, err := t.configured(getenv)
	if err != nil {
		return err
	}
	app, err := t.Build(c)
	if err != nil {
		return err
	}
	return app.Run(ctx)
}

// configured returns the configuration that the environment gives. The error says all that is wrong with it.
func (t *Topology) configured(getenv func(string) string) (c Config, err error) {
	c = Config{Name: getenv("APP_NAME"), Instance: getenv("APP_INSTANCE"), StateDir: getenv("APP_STATE_DIR")}
	if c.Name == "" {
		c.Name = filepath.Base(os.Args[0])
	}
	if text := getenv("APP_GUARANTEE"); text != "" {
		if err = c.Guarantee.UnmarshalText([]byte(text)); err != nil {
			err = fmt.Errorf("APP_GUARANTEE: %w", err)
		}
	}
	factory := t.factory()
	if factory.New == nil {
		return c, err
	}
	via, connectorErr := factory.New(getenv)
	c.Connectors = []connector.Connector{via}
	return c, errors.Join(err, connectorErr)
}
