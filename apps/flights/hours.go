package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Hour is what is known of an airport's hour when it is final: a line of -output, and a value of the topic of hours.
type Hour struct {
	Origin    string    `json:"origin"`
	Hour      time.Time `json:"hour"` // its begin; UTC
	Flights   int64     `json:"flights"`
	MeanDelay *float64  `json:"mean_dep_delay"` // in minutes, of the flights that have a delay; nil: none has
}

var hourCodec = codec.JSON[Hour]()

// hours are hours by airport and begin. The last one of each holds: a crash may have written one twice.
type hours map[place]Hour

type place struct {
	origin string
	hour   int64 // Unix seconds
}

// take notes the hour that a record carries.
func (h hours) take(r *kgo.Record) error {
	hour, err := hourCodec.Decode(r.Value)
	if err != nil {
		return strange(r, "an hour", err)
	}
	h[place{hour.Origin, hour.Hour.Unix()}] = hour
	return nil
}

// strange is the error about a record that the application did not write.
func strange(r *kgo.Record, what string, err error) error {
	return fmt.Errorf("topic %s, partition %d, offset %d is not %s: %w; give -name a name of its own", r.Topic, r.Partition, r.Offset, what, err)
}

// writeJSON writes a line for each hour, sorted by hour, then origin.
func (h hours) writeJSON(w io.Writer) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, hour := range slices.SortedFunc(maps.Values(h), func(a, b Hour) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Origin, b.Origin))
	}) {
		if err := lines.Encode(hour); err != nil {
			return err
		}
	}
	return nil
}
