package driver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/state/disk"
)

// countedOnDisk runs a word count on one machine until its lines are counted, and returns how many changelog records it restored.
func (s *sim) countedOnDisk(t *testing.T, files vfs.FS, plan *driver.Plan) (restored int64) {
	t.Helper()
	db, err := disk.Open("state", disk.Options{App: "sim", MemoryBytes: 1 << 20, FS: files})
	if err != nil {
		t.Fatal(err)
	}
	r := s.begin(plan, func(c *driver.Config) { c.Disk, c.Workers = db, 1 })
	time.Sleep(5 * time.Second)
	r.end(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return r.counters.Restored.Load()
}

// A folder that is as old as tombstones get is not trusted: a key that was deleted meanwhile would come back.
func TestAFolderThatIsTooOldIsMadeAnew(t *testing.T) {
	for name, c := range map[string]struct {
		away time.Duration
		all  bool
	}{"an hour": {time.Hour, false}, "a day": {24 * time.Hour, true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				s.create(simLines, 1)
				s.create(simCounts, 1)
				plan := wordsOnDisk(t)
				for i := range 100 {
					s.produce(simPlace{simLines, 0}, simRecord{time: int64(i), value: fmt.Appendf(nil, "word%d", i)})
				}
				files := vfs.NewMem()
				if n := s.countedOnDisk(t, files, plan); n != 0 {
					t.Errorf("the first run restored %d records", n)
				}
				time.Sleep(c.away)
				if n := s.countedOnDisk(t, files, plan); (n >= 100) != c.all {
					t.Errorf("after %s it restored %d records", c.away, n)
				}
			})
		})
	}
}

// A changelog that ends before what the folder has, or begins behind it, is another one.
func TestAFolderOfAnotherLogIsMadeAnew(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.create(simLines, 1)
		s.create(simCounts, 1)
		plan := wordsOnDisk(t)
		for i := range 100 {
			s.produce(simPlace{simLines, 0}, simRecord{time: int64(i), value: fmt.Appendf(nil, "word%d", i)})
		}
		files := vfs.NewMem()
		s.countedOnDisk(t, files, plan)
		s.mu.Lock()
		l := s.log(simPlace{"sim-words-changelog", 0})
		l.records = l.records[:50]
		s.mu.Unlock()
		if n := s.countedOnDisk(t, files, plan); n < 40 || n > 50 {
			t.Errorf("it restored %d records of the log that has 50", n)
		}
		s.produce(simPlace{simLines, 0}, simRecord{time: 100, value: []byte("word99")})
		s.countedOnDisk(t, files, plan)
		var counts []string
		s.mu.Lock()
		for _, r := range s.log(simPlace{simCounts, 0}).records {
			if string(r.key) == "word99" {
				counts = append(counts, fmt.Sprint(r.value))
			}
		}
		s.mu.Unlock()
		if len(counts) != 2 || counts[1] != counts[0] {
			t.Errorf("a word that the log does not have was counted on: %v", counts)
		}
	})
}

func wordsOnDisk(t *testing.T) *driver.Plan {
	t.Helper()
	topology := framework.New()
	topology.From(simTopic(simLines)).GroupBy(func(word string) string { return word }).Count("words").Stream().To(simNumbers())
	plan, err := topology.Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// What is committed names the topics that it was reached with: one that somebody deleted is not one of a store that is new. Who creates it
// says that it may begin empty.
func TestAChangelogThatIsGoneIsRefusedUntilSomebodyCreatesIt(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.create(simLines, 1)
		s.create(simCounts, 1)
		run := func() {
			r := s.begin(wordsOnDisk(t), nil)
			time.Sleep(5 * time.Second)
			r.end(t)
		}
		s.at(0, 1, "a")
		run()
		delete(s.topics, "sim-words-changelog")
		r := s.begin(wordsOnDisk(t), nil)
		time.Sleep(5 * time.Second)
		r.stop()
		if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "internal topic sim-words-changelog is gone") {
			t.Errorf("without its changelog the run ended with %v", err)
		}
		if s.topics["sim-words-changelog"] != nil {
			t.Error("the refused run made the topic anew: the next one would not notice")
		}
		s.create("sim-words-changelog", 1)
		run()
	})
}
