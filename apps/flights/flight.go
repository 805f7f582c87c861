package main

import (
	"time"

	"github.com/millrace/millrace/framework/codec"
)

// Flight is a scheduled departure, as the topic of departures and that of late flights carry it. The names are those of
// flights.csv.
type Flight struct {
	Hour    time.Time `json:"time_hour" csv:"time_hour"` // of the scheduled departure, the event time; UTC
	Origin  string    `json:"origin" csv:"origin"`
	Dest    string    `json:"dest" csv:"dest"`
	Carrier string    `json:"carrier" csv:"carrier"`
	Number  string    `json:"flight" csv:"flight"`
	Tail    string    `json:"tailnum" csv:"tailnum"`
	Delay   *int32    `json:"dep_delay" csv:"-"` // of the departure, in minutes; nil: none is known
}

var flightCodec = codec.JSON[Flight]()

func (f Flight) at() time.Time { return f.Hour }

func (f Flight) from() string { return f.Origin }
