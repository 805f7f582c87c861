package driver_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// uncombined sends each line through the repartition topic.
func uncombined(t *testing.T, partitions int, behind func(framework.Stream[string, string]) framework.Stream[string, string]) *driver.Plan {
	t.Helper()
	topology := framework.New()
	lines := topology.From(simTopic(simLines))
	if behind != nil {
		lines = behind(lines)
	}
	lines.KeyBy(firstWord).RepartitionInto("counts", partitions).To(simTopic(simCopies))
	plan, err := topology.Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// flood produces so many lines a second to each partition for a while, each a millisecond later than the one before.
func (s *sim) flood(partitions int32, perSecond int, lasting time.Duration) {
	const tick = 20 * time.Millisecond
	each := perSecond * int(tick) / int(time.Second)
	n := 0
	for until := time.Now().Add(lasting); time.Now().Before(until); time.Sleep(tick) {
		for p := range partitions {
			for i := range each {
				s.at(p, float64(n+i)/1000, fmt.Sprintf("word%d of a line", i))
			}
		}
		n += each
	}
}

// traffic is what went through a repartition topic.
type traffic struct {
	controls, bytesOfControls, bytes int64
}

func (s *sim) traffic(topic string) (t traffic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.topics[topic] {
		for i := range l.records {
			r := &l.records[i]
			size := r.wireBytes()
			if t.bytes += size; !r.data() {
				t.controls++
				t.bytesOfControls += size
			}
		}
	}
	return t
}

// wireBytes is what a record takes in a batch of Kafka's.
func (r *simRecord) wireBytes() int64 {
	field := func(b []byte) int64 { return int64(len(binary.AppendVarint(nil, int64(len(b)))) + len(b)) }
	size := 1 + 2 + 2 + field(r.key) + field(r.value) + 1 // attributes, differences of time and offset, how many headers
	for _, h := range r.headers {
		size += field([]byte(h.Key)) + field(h.Value)
	}
	return size + int64(len(binary.AppendVarint(nil, size)))
}

func TestWatermarksAreSentTenTimesASecondAtMostToEachPartition(t *testing.T) {
	for name, behind := range map[string]func(framework.Stream[string, string]) framework.Stream[string, string]{
		"of a task":       nil,
		"behind a buffer": func(s framework.Stream[string, string]) framework.Stream[string, string] { return s.Buffer(100) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				s.cluster(2)
				r := s.begin(uncombined(t, 3, behind), nil)
				s.flood(2, 500, 10*time.Second)
				time.Sleep(time.Second)
				sent := s.traffic(simEvents).controls
				if least, most := int64(2*3*80), int64(2*3*103); sent < least || sent > most {
					t.Errorf("%d were sent in 10 s, want %d to %d", sent, least, most)
				}
				if counted := r.counters.Controls.Load(); counted != sent {
					t.Errorf("%d were sent and %d are counted", sent, counted)
				}
				r.end(t)
			})
		})
	}
}

func TestAWorkerSendsAThousandWatermarksASecondAtMost(t *testing.T) {
	for name, behind := range map[string]func(framework.Stream[string, string]) framework.Stream[string, string]{
		"of tasks":       nil,
		"behind buffers": func(s framework.Stream[string, string]) framework.Stream[string, string] { return s.Buffer(100) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				const partitions = 20 // 400 times ten a second would be four thousand
				s.cluster(partitions)
				r := s.begin(uncombined(t, partitions, behind), nil)
				s.flood(partitions, 50, 10*time.Second)
				if sent := s.traffic(simEvents).controls; sent < 8*1000 || sent > 10*1000+2*partitions*partitions {
					t.Errorf("%d were sent in 10 s", sent)
				}
				r.end(t)
			})
		})
	}
}

func TestNothingIsSentWhereNoWatermarkRises(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		r := s.begin(uncombined(t, 1, nil), nil)
		time.Sleep(time.Second)
		if told := s.told(simEvents, 0); len(told) != 1 || told[0].watermark != engine.NoTime {
			t.Errorf("after the assignment it told %+v, want that it knows no time", told)
		}
		s.alive(0, 100)
		time.Sleep(time.Hour)
		if told := s.told(simEvents, 0); len(told) != 2 || told[1].watermark != 100_000 {
			t.Errorf("in an hour of records of one time it told %+v", told)
		}
		r.end(t)
	})
}

// The second record comes before the interval is over, and is the last.
func TestAWatermarkThatRoseIsSentThoughNothingMoreIsRead(t *testing.T) {
	for name, atomic := range map[string]bool{"at least once": false, "with an atomic connector": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				s.cluster(1)
				s.onCommit = func([]simPlace) {}
				r := s.begin(uncombined(t, 1, nil), func(c *driver.Config) {
					c.CommitEvery = 20 * time.Millisecond
					if atomic {
						c.Connector = &atomicInstance{instance: c.Connector.(*instance)}
					}
				})
				time.Sleep(10 * time.Second)
				s.at(0, 10, "a")
				time.Sleep(50 * time.Millisecond)
				s.at(0, 20, "a")
				time.Sleep(5 * time.Second)
				told := s.told(simEvents, 0)
				if last := told[len(told)-1]; last.watermark != 20_000 {
					t.Errorf("it told %+v, and last read a record of 20 s", told)
				}
				r.end(t)
			})
		})
	}
}

// As many as are possible, and small records that are not combined.
func TestWatermarksAreLessThanAHundredthOfTheTraffic(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends some 200,000 records")
	}
	inBubble(t, 1, func(t *testing.T, s *sim) {
		const partitions = 16
		s.cluster(partitions)
		r := s.begin(uncombined(t, partitions, nil), func(c *driver.Config) { c.BudgetBytes = 64 << 20 })
		s.flood(partitions, 100_000/partitions, 2*time.Second)
		time.Sleep(time.Second)
		sent := s.traffic(simEvents)
		if sent.controls == 0 || sent.bytesOfControls*100 >= sent.bytes {
			t.Errorf("%d watermarks take %d of %d bytes", sent.controls, sent.bytesOfControls, sent.bytes)
		}
		t.Logf("%d watermarks take %d of %d bytes, %.2f %%", sent.controls, sent.bytesOfControls, sent.bytes, 100*float64(sent.bytesOfControls)/float64(sent.bytes))
		r.end(t)
	})
}
