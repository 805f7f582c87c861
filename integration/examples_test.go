package integration

import (
	"testing"

	"github.com/millrace/millrace/examples/everywhere"
)

func TestEachExampleGivesTheSameOnKafkaAsElsewhere(t *testing.T) {
	kafka := []string{sharedBroker(t).address}
	everywhere.Test(t, everywhere.Memory(), everywhere.Files(), everywhere.Embedded(), everywhere.Kafka(kafka, ""))
}
