package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/twmb/franz-go/pkg/kgo"
)

func client(t *testing.T, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(address))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// depart writes the flights of a flights.csv to the topic of departures, as another program would.
func depart(t *testing.T, address, text string) {
	t.Helper()
	var records []*kgo.Record
	for r, err := range rows(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		value, err := flightCodec.Append(nil, r.Flight)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: "flights-departures", Key: []byte(r.Tail), Value: value})
	}
	if err := client(t, address).ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// await waits until a topic has so many records.
func await(t *testing.T, address, topic string, records int) {
	t.Helper()
	for c := client(t, address, kgo.ConsumeTopics(topic)); records > 0; {
		fetches := c.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		records -= fetches.NumRecords()
	}
}

func TestAServiceComputesUntilItIsStoppedAndARunAfterItToTheEnd(t *testing.T) {
	address := apptest.StartBroker(t)
	prints(t, "", "-input", os.DevNull, "-brokers", address) // makes the topics
	ctx, stop := context.WithCancel(t.Context())
	depart(t, address, csvOf("1 10 EWR A 1", "1 10 EWR B 3", "1 10 EWR C 5", "1 11 EWR A 1"))
	var out, errs bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"-brokers", address}, strings.NewReader(""), &out, &errs) }()
	// The watermark is that of the slowest partition: all are to have a flight.
	var later []string
	for tail := range 26 {
		later = append(later, fmt.Sprintf("3 10 EWR %c 0", 'A'+tail))
	}
	depart(t, address, csvOf(later...))
	await(t, address, "flights-hours", 2)
	stop()
	if c := <-code; c != 0 || errs.Len() > 0 {
		t.Errorf("exit %d, standard error %q", c, &errs)
	}
	first := hourLine(1, 10, "EWR", 3, "3") + hourLine(1, 11, "EWR", 1, "1")
	apptest.Same(t, out.String(), first)
	apptest.Same(t, prints(t, "", "-brokers", address, "-input", os.DevNull), first+hourLine(3, 10, "EWR", 26, "0"))
}
