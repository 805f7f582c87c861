package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func TestMetricsGoWhereTheStandardVariablesSay(t *testing.T) {
	var mu sync.Mutex
	var sent []byte
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		sent = append(append(sent, r.URL.Path...), body...)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	succeeds(t, "", "-name", "measured")
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"/v1/metrics", "service.name", "measured", "millrace.records.in", "millrace.lag"} {
		if !bytes.Contains(sent, []byte(want)) {
			t.Errorf("nothing sent says %q", want)
		}
	}
}
