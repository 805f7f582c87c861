// Package telemetry sends the metrics of a program of apps where the standard OTEL_ variables say.
package telemetry

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/millrace/millrace/framework"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// timeout is how long the last metrics may take to get out.
const timeout = 5 * time.Second

// Telemetry sends an application's metrics.
type Telemetry struct {
	// Provider is for framework.Config.
	Provider metric.MeterProvider

	sdk *sdkmetric.MeterProvider // nil: no variable asks for metrics
	log *slog.Logger
}

// Start reads the environment. Without OTEL_METRICS_EXPORTER and an OTLP endpoint nothing is measured or sent.
func Start(ctx context.Context, name string, log *slog.Logger) (*Telemetry, error) {
	if !asked(os.Getenv) {
		return &Telemetry{Provider: noop.NewMeterProvider()}, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("metrics", "error", err) }))
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, err
	}
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come later and win.
	what, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", name)), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	sdk := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(what))
	return &Telemetry{Provider: sdk, sdk: sdk, log: log}, nil
}

func asked(getenv func(string) string) bool {
	exporter := getenv("OTEL_METRICS_EXPORTER")
	switch {
	case strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true"), exporter == "none":
		return false
	}
	return exporter != "" || getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") != ""
}

// OnState is for framework.Config: it sends the last counts while the application still has them: a short run ends before the first export.
func (t *Telemetry) OnState(s framework.State) {
	if t.sdk == nil || s != framework.Stopped {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := t.sdk.ForceFlush(ctx); err != nil {
		t.log.Warn("metrics", "error", err)
	}
}

// Close sends what is left. Metrics that cannot be sent do not fail the program.
func (t *Telemetry) Close() {
	if t.sdk == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := t.sdk.Shutdown(ctx); err != nil {
		t.log.Warn("metrics", "error", err)
	}
}
