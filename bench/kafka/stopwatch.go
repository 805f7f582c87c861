package main

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/millrace/millrace/bench/input"
)

// stopwatch makes records and recognises their results.
type stopwatch struct {
	counts   bool // of words; else copies
	measured chan struct{}

	mu     sync.Mutex // guards the rest
	lines  *input.Lines
	sent   map[string][]time.Time // of each word, by occurrence from the first one that no count has covered yet
	upTo   map[string]uint64      // the highest count of each word that came
	first  time.Time              // when the first result came
	over   bool
	delays []time.Duration
}

func newStopwatch(what string) *stopwatch {
	return &stopwatch{
		counts: what == "wordcount", measured: make(chan struct{}),
		lines: input.NewLines(1, false), sent: map[string][]time.Time{}, upTo: map[string]uint64{},
	}
}

// next returns the value of a record that is produced now: a word, or its time.
func (s *stopwatch) next() []byte {
	now := time.Now()
	if !s.counts {
		v := make([]byte, input.EventBytes)
		binary.BigEndian.PutUint64(v, uint64(now.UnixNano()))
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	word := s.lines.Append(0, nil)
	s.sent[string(word)] = append(s.sent[string(word)], now)
	return word
}

// seen takes a result. A count is the result of all records of its word up to it: those that no lower count has shown waited for this one.
func (s *stopwatch) seen(key, value []byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		s.first = now
	}
	if !s.counts {
		s.note(time.Unix(0, int64(binary.BigEndian.Uint64(value))), now)
		return
	}
	word, count := string(key), binary.BigEndian.Uint64(value)
	if count <= s.upTo[word] { // at-least-once may show one again
		return
	}
	waited := s.sent[word]
	n := min(int(count-s.upTo[word]), len(waited))
	for _, at := range waited[:n] {
		s.note(at, now)
	}
	s.sent[word], s.upTo[word] = waited[n:], count
}

// note counts a delay once the side is warm. What was produced within the time of measuring counts, whenever it comes.
func (s *stopwatch) note(at, now time.Time) {
	begin := s.first.Add(latencyWarmUp)
	end := begin.Add(latencyMeasure)
	if !at.Before(begin) && at.Before(end) {
		s.delays = append(s.delays, now.Sub(at))
	}
	if at.After(end.Add(time.Second)) && !s.over {
		s.over = true
		close(s.measured)
	}
}
