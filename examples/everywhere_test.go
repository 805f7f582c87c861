package examples_test

import (
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/examples/everywhere"
)

// Package integration has the same test on a broker in a container.
func TestEachExampleGivesTheSameEverywhere(t *testing.T) {
	kafka := strings.FieldsFunc(os.Getenv("KAFKA_BROKERS"), func(c rune) bool { return c == ',' })
	everywhere.Test(t, everywhere.Memory(), everywhere.Files(), everywhere.Embedded(),
		everywhere.Kafka(kafka, "KAFKA_BROKERS is not set; go test ./integration does this on Kafka in a container"))
}
