package framework

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/millrace/millrace/framework/connector"
)

// Main runs the topology until SIGINT or SIGTERM and exits: 0 after a clean stop, 1 with one line on standard error
// otherwise. The environment says where: KAFKA_BROKERS lists addresses host:port, APP_NAME is the application's name
// (default: the program's).
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
	name := getenv("APP_NAME")
	if name == "" {
		name = filepath.Base(os.Args[0])
	}
	c := Config{Name: name}
	if factory := t.factory(); factory.New != nil {
		via, err := factory.New(getenv)
		if err != nil {
			return err
		}
		c.Connectors = []connector.Connector{via}
	}
	app, err := t.Build(c)
	if err != nil {
		return err
	}
	return app.Run(ctx)
}
