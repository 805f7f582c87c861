// Command wordcount counts the words of a topic's lines.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

func main() {
	brokers := flag.String("brokers", "", "addresses of brokers, host:port,host:port")
	name := flag.String("name", "wordcount", "application, group and prefix of internal topics")
	partitions := flag.Int("partitions", 4, "partitions of the topics that are created")
	from := flag.String("from", "lines", "topic of lines")
	to := flag.String("to", "word-counts", "topic of counts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	lines := kafka.Topic(*from, codec.None, codec.String, kafka.Partitions(*partitions))
	counts := kafka.Topic(*to, codec.String, codec.Int64, kafka.Partitions(*partitions))
	err := framework.Run(ctx, framework.Config{
		Name:       *name,
		Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: strings.Split(*brokers, ",")})},
	}, topology(lines, counts))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
