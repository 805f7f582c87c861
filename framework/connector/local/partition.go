package local

import "github.com/millrace/millrace/framework/internal/engine"

// PartitionOf returns the partition of an encoded key among n, as Kafka's default partitioner and all sinks choose it:
// for those who write keyed records to a topic from outside of an application.
func PartitionOf(key []byte, n int32) int32 { return engine.PartitionOf(key, n) }
