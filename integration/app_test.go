package integration

import (
	"context"
	"log/slog"
	"strings"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// running is an application in the test's process.
type running struct {
	c     *cluster
	app   *framework.App
	stop  context.CancelFunc
	ended chan struct{}
	err   error // once ended
}

// run starts an application. Its name and connector are the test's where the configuration has none.
func (c *cluster) run(config framework.Config, build func(*framework.Topology)) *running {
	c.t.Helper()
	if config.Name == "" {
		config.Name = c.name
	}
	if config.Connectors == nil {
		config.Connectors = []connector.Connector{c.connector(c.broker.auth...)}
	}
	config.Logger = slog.New(slog.NewTextHandler(c.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	topology := framework.New()
	build(topology)
	app, err := topology.Build(config)
	c.must(err)
	ctx, stop := context.WithCancel(c.ctx)
	r := &running{c: c, app: app, stop: stop, ended: make(chan struct{})}
	go func() { // the cleanup waits for it
		defer close(r.ended)
		r.err = app.Run(ctx)
	}()
	c.t.Cleanup(func() {
		stop()
		<-r.ended
	})
	return r
}

// over says that the application has ended.
func (r *running) over() bool {
	return happened(r.ended)
}

// ready waits until the application has its partitions.
func (r *running) ready() *running {
	r.c.t.Helper()
	select {
	case <-r.app.Ready():
	case <-r.ended:
		r.c.t.Fatalf("the application ended at its start: %v", r.err)
	}
	return r
}

// result waits for the end of an application that ends by itself.
func (r *running) result() error {
	r.c.t.Helper()
	<-r.ended
	if r.c.ctx.Err() != nil {
		r.c.t.Fatalf("the application did not end by itself; after it was stopped: %v", r.err)
	}
	return r.err
}

// halt stops the application, which must let go of all cleanly.
func (r *running) halt() {
	r.c.t.Helper()
	r.stop()
	if err := r.result(); err != nil {
		r.c.t.Fatalf("the application did not stop cleanly: %v", err)
	}
}

// refused runs an application that cannot go on. Its error must have one line a fault, and say all of that.
func (c *cluster) refused(config framework.Config, build func(*framework.Topology), faults int, says ...string) error {
	c.t.Helper()
	err := c.run(config, build).result()
	if err == nil {
		c.t.Fatal("the application ended without an error")
	}
	c.t.Log(err)
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			c.t.Errorf("the error does not say %q", s)
		}
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != faults {
		c.t.Errorf("the error has %d lines for %d faults", lines, faults)
	}
	return err
}

// textTopic returns a topic of lines without keys.
func textTopic(name string) framework.Topic[framework.None, string] {
	return kafka.Topic(name, codec.None, codec.String)
}

// countTopic returns a topic of words' counts.
func countTopic(name string) framework.Topic[string, int64] {
	return kafka.Topic(name, codec.String, codec.Int64)
}

// countWords is the application that most tests run.
func countWords(from, to string) func(*framework.Topology) {
	return countWordsOf(textTopic(from), to)
}

// countWordsOf is countWords for a source with policies of its own.
func countWordsOf(from framework.Topic[framework.None, string], to string) func(*framework.Topology) {
	return func(t *framework.Topology) {
		t.From(from).FlatMap(strings.Fields).GroupBy(strings.ToLower).Count("counts").Stream().To(countTopic(to))
	}
}
