package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	kafkastreams "github.com/millrace/millrace/bench/kafka-streams"
)

// config is what the command line says.
type config struct {
	what    string
	brokers []string
	records int
	pairs   int
	clients int
	only    string
	strict  bool
	profile string
	timeout time.Duration

	guarantee string
	peer      string // the side to measure against
	cache     string // of Kafka Streams
	store     string // where both keep stores; "": each as it does by default

	streams kafkastreams.Program

	side           string // set in a child
	group, in, out string // of a child
	state          string // folder of its stores
	commit         time.Duration
}

// The sides.
const (
	handWritten  = "peer"
	kafkaStreams = "kafka-streams"
	millrace     = "millrace"
)

const (
	atLeastOnce = "at-least-once"
	exactlyOnce = "exactly-once"
)

// partitions of all topics that records are read from.
const partitions = 4

func parse() config {
	var c config
	var brokers string
	flag.StringVar(&c.what, "what", "passthrough", "`workload`: "+strings.Join(slices.Sorted(maps.Keys(workloads)), ", "))
	flag.StringVar(&brokers, "brokers", "", "`addresses` of a broker to use, separated by commas; none: start one in a container")
	flag.IntVar(&c.records, "records", 0, "records of input; 0: 1,000,000, for lag 5,000,000")
	flag.StringVar(&c.guarantee, "guarantee", atLeastOnce, "of both sides: at-least-once or exactly-once")
	flag.StringVar(&c.peer, "peer", "", "`side` to measure against: peer, which is written by hand with franz-go, or kafka-streams; none: what the workload can be measured against")
	flag.StringVar(&c.cache, "cache", "", "of Kafka Streams: default or off; none: off for unique, else default")
	flag.StringVar(&c.store, "store", "", "where Kafka Streams and millrace keep stores: disk or memory; none: their defaults, disk and memory")
	flag.IntVar(&c.pairs, "pairs", 7, "`runs` of each side")
	flag.IntVar(&c.clients, "clients", 0, "clients (workers) of each side; 0: 2, for the peer of passthrough the better of 1 and 2")
	flag.StringVar(&c.only, "only", "", "run one `side` only: peer, kafka-streams or millrace")
	flag.BoolVar(&c.strict, "strict", false, "exit with 1 where a threshold is missed")
	flag.StringVar(&c.profile, "profile", "", "`folder` for a processor profile of each side's last run")
	flag.DurationVar(&c.timeout, "timeout", 3*time.Minute, "for one run")
	flag.StringVar(&c.side, "side", "", "internal: run as this `side`")
	flag.StringVar(&c.group, "group", "", "internal: group of the side")
	flag.StringVar(&c.in, "in", "", "internal: input topic of the side")
	flag.StringVar(&c.out, "out", "", "internal: output topic of the side")
	flag.StringVar(&c.state, "state", "", "internal: folder of the side's stores")
	flag.DurationVar(&c.commit, "commit", 0, "internal: commit interval of the side")
	flag.Parse()
	if brokers != "" {
		c.brokers = strings.Split(brokers, ",")
	}
	if c.records == 0 {
		c.records = 1_000_000
		if c.what == "lag" {
			c.records = 5_000_000
		}
	}
	if c.commit == 0 {
		c.commit = time.Second
		if c.guarantee == exactlyOnce || c.what == "latency" {
			c.commit = 100 * time.Millisecond
		}
	}
	if c.peer == "" {
		c.peer = kafkaStreams
		if c.isWritten() {
			c.peer = handWritten
		}
	}
	if c.cache == "" {
		c.cache = "default"
		if c.what == "unique" {
			c.cache = "off"
		}
	}
	return c
}

// check says what of the command line does not go together.
func (c config) check() error {
	one := func(flag, value string, of ...string) error {
		if slices.Contains(of, value) {
			return nil
		}
		return fmt.Errorf("-%s %q: %s", flag, value, strings.Join(of, ", "))
	}
	if err := errors.Join(
		one("what", c.what, slices.Sorted(maps.Keys(workloads))...),
		one("guarantee", c.guarantee, atLeastOnce, exactlyOnce),
		one("peer", c.peer, handWritten, kafkaStreams),
		one("only", c.only, "", c.peer, millrace),
		one("cache", c.cache, "default", "off"),
		one("store", c.store, "", "disk", "memory"),
	); err != nil {
		return err
	}
	if c.peer == handWritten && !c.isWritten() && c.what != "lag" {
		return fmt.Errorf("no program for %s, %s, is written by hand: use -peer kafka-streams", c.what, c.guarantee)
	}
	return nil
}

// isWritten says that there is a program by hand for the workload.
func (c config) isWritten() bool {
	return sides[handWritten][c.what] != nil && (c.what != "wordcount" || c.guarantee == atLeastOnce)
}
