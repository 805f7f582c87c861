package engine

import (
	"testing"
)

// The vectors of UtilsTest.testMurmur2 in Apache Kafka.
func TestMurmur2IsKafkas(t *testing.T) {
	for in, want := range map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2([]byte(in))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", in, got, want)
		}
	}
}

// As toPositive(murmur2(key)) % n of Java's producer: the sign bit is cleared, not negated.
func TestAKeyGoesToThePartitionThatJavaChooses(t *testing.T) {
	for _, c := range []struct {
		key        string
		partitions int32
		want       int32
	}{
		{"21", 8, -973932308 & 0x7fffffff % 8},
		{"foobar", 100, -790332482 & 0x7fffffff % 100},
		{"abc", 7, 479470107 % 7},
		{"abc", 1, 0},
	} {
		if got := PartitionOf([]byte(c.key), c.partitions); got != c.want {
			t.Errorf("PartitionOf(%q, %d) = %d, want %d", c.key, c.partitions, got, c.want)
		}
	}
}

func FuzzAKeyGoesToAPartitionThatExists(f *testing.F) {
	f.Add([]byte(nil), int32(1))
	f.Add([]byte("key"), int32(12))
	f.Fuzz(func(t *testing.T, key []byte, n int32) {
		if n <= 0 {
			return
		}
		if p := PartitionOf(key, n); p < 0 || p >= n {
			t.Errorf("partition %d of %d", p, n)
		}
	})
}
