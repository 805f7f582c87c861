package engine

import (
	"math"
	"testing"

	"github.com/millrace/millrace/framework/connector"
)

func FuzzAControlRecordIsReadOrRefused(f *testing.F) {
	f.Add([]byte{})
	f.Add(control{3, 16, 1_700_000_000_000, true, false}.append(nil))
	f.Add(control{511, 512, NoTime, false, true}.append(nil))
	f.Add([]byte{headControl, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &connector.Record{Headers: []connector.Header{{Key: ReservedHeader, Value: b}}}
		if !IsControl(r) {
			return
		}
		in := Input{Upstream: 2, front: newFrontier(2)}
		if err := in.hear(r); err != nil {
			return
		}
		c, err := readControl(b[1:])
		if err != nil {
			t.Fatal(err)
		}
		again, err := readControl(c.append(nil)[1:])
		if err != nil || again != c {
			t.Fatalf("%+v comes back as %+v, %v", c, again, err)
		}
	})
}

func FuzzWhatADataRecordCarriesIsReadOrRefused(f *testing.F) {
	f.Add(int64(100), int64(150), int64(0), int64(60), []byte{headBirth, 2})
	f.Add(int64(100), int64(50), int64(0), int64(0), []byte{headBirth | headWindow, 2})
	f.Add(int64(0), int64(math.MaxInt64), int64(-1), int64(math.MinInt64), []byte{})
	f.Fuzz(func(t *testing.T, time, birth, start, end int64, b []byte) {
		m := Meta{Time: max(0, time), Birth: birth, Win: Window{start, end}}
		of := Meta{Time: m.Time, Birth: m.Time}
		if carried, ok := AppendCarried(nil, &m); ok {
			of.Headers = []connector.Header{{Key: "user", Value: []byte("u")}, {Key: ReservedHeader, Value: carried}}
		}
		if err := of.carried(); err != nil {
			t.Fatal(err)
		}
		if of.Win != m.Win || of.Birth != max(m.Birth, m.Time) {
			t.Fatalf("%+v comes back as %+v", m, of)
		}
		for _, h := range of.Headers {
			if h.Key == ReservedHeader {
				t.Fatal("the header of the framework's goes on")
			}
		}
		of = Meta{Time: m.Time, Birth: m.Time, Headers: []connector.Header{{Key: ReservedHeader, Value: b}}}
		_ = of.carried()
	})
}

// A frontier never falls, and is known when each upstream task has spoken.
func FuzzAFrontierNeverFalls(f *testing.F) {
	f.Add([]byte{0, 10, 0, 1, 20, 0, 0, 5, 1, 1, 3, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		front := newFrontier(3)
		spoken := map[uint32]bool{}
		for ; len(b) >= 3; b = b[3:] {
			c := control{task: uint32(b[0] % 3), of: 3, watermark: int64(b[1]) - 1, idle: b[2]&1 != 0, ended: b[2]&2 != 0}
			if c.watermark < 0 {
				c.watermark = NoTime
			}
			was := front
			front = front.heard(c)
			spoken[c.task] = true
			if front.watermark < was.watermark {
				t.Fatalf("after %+v it falls from %d to %d", c, was.watermark, front.watermark)
			}
			for u := range front.at {
				if front.at[u] < was.at[u] {
					t.Fatalf("after %+v task %d falls from %d to %d", c, u, was.at[u], front.at[u])
				}
			}
			if len(spoken) < 3 && front.watermark != NoTime {
				t.Fatalf("%d of 3 have spoken, and it is at %d", len(spoken), front.watermark)
			}
			times, err := DecodeTimes(front.times().Encode())
			if err != nil {
				t.Fatal(err)
			}
			if back := newFrontier(3).restored(times); back.watermark > front.watermark {
				t.Fatalf("it was at %d and comes back at %d", front.watermark, back.watermark)
			}
		}
	})
}
