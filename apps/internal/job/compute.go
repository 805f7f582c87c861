package job

import (
	"context"

	"github.com/millrace/millrace/apps/internal/console"
	"github.com/millrace/millrace/apps/internal/telemetry"
	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

// Compute runs a graph on the brokers, to the end of its input or, if the job serves, until ctx ends. It returns the
// application, which has ended.
func (j *Job) Compute(ctx context.Context, addresses []string, build func(*framework.Topology)) (*framework.App, error) {
	metrics, err := telemetry.Start(ctx, j.Name, j.Log)
	if err != nil {
		return nil, err
	}
	defer metrics.Close()
	t := framework.New()
	build(t)
	guarantee := framework.AtLeastOnce
	if j.ExactlyOnce {
		guarantee = framework.ExactlyOnce
	}
	app, err := t.Build(framework.Config{
		Name: j.Name, Guarantee: guarantee, Instance: j.Instance, StateDir: j.State, Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: addresses})},
		Bounded: !j.Serve, Logger: j.Log, OnState: metrics.OnState, MeterProvider: metrics.Provider,
	})
	if err != nil {
		return nil, err
	}
	hide := j.Console.Progress(console.Counting(app.Stats))
	err = app.Run(ctx)
	hide()
	if err != nil {
		return nil, err
	}
	if !j.Serve && ctx.Err() != nil {
		return nil, ErrStopped
	}
	return app, nil
}

// SourceOptions are those of the topic that the input is fed to.
func (j *Job) SourceOptions() []kafka.Option {
	if j.Create {
		return []kafka.Option{kafka.Partitions(j.Partitions)}
	}
	return nil
}
