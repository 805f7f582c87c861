package main

import (
	"context"
	"io"

	"github.com/millrace/millrace/apps/internal/job"
)

// feed writes the flights of the input to the topic of departures, all or none.
func (p *program) feed(ctx context.Context, addresses []string, input io.Reader) error {
	return p.job.Feed(ctx, addresses, input, p.send)
}

// send sends all flights, each to the partition of its aircraft: so the partitions are the same in every run, and go
// through the year each at its own pace.
func (p *program) send(ctx context.Context, f *job.Feeder, input io.Reader) error {
	text, err := unpacked(input)
	if err != nil {
		return err
	}
	flights := rows(text)
	if !p.asIs {
		flights = ordered(flights)
	}
	key, value := []byte{}, []byte{} // a nil key would be none, and its partition any
	for r, err := range flights {
		if err != nil || ctx.Err() != nil {
			return err
		}
		if value, err = flightCodec.Append(value[:0], r.Flight); err != nil {
			return err
		}
		key = append(key[:0], r.Tail...)
		f.Send(ctx, key, value)
	}
	return nil
}
