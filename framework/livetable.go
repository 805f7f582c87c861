package framework

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// redrawEvery is how often at most a table is drawn within a round.
const redrawEvery = 100 * time.Millisecond

// liveTable is a table on a terminal, drawn anew in its place. All tasks of an operator share it.
type liveTable struct {
	w    io.Writer
	size func() (width, height int, err error) // of the terminal, in characters

	mu      sync.Mutex // guards what follows; held while it is drawn
	keys    []string   // sorted
	values  map[string]string
	changed bool // since it was drawn
	lines   int  // drawn last
	at      time.Time
}

func (l *liveTable) set(key, value string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.values[key]; !known {
		at, _ := slices.BinarySearch(l.keys, key)
		l.keys = slices.Insert(l.keys, at, key)
	}
	l.values[key] = value
	return l.redraw()
}

func (l *liveTable) remove(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := slices.BinarySearch(l.keys, key)
	if !known {
		return nil
	}
	l.keys = slices.Delete(l.keys, at, at+1)
	delete(l.values, key)
	return l.redraw()
}

func (l *liveTable) endRound() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.changed {
		return nil
	}
	return l.draw()
}

// redraw draws within a round. The clock decides what is seen meanwhile, not what is seen in the end.
func (l *liveTable) redraw() error {
	l.changed = true
	if time.Since(l.at) < redrawEvery {
		return nil
	}
	return l.draw()
}

func (l *liveTable) draw() error {
	width, height, err := l.size()
	if err != nil || width < 1 || height < 2 {
		width, height = 80, 24
	}
	rows := l.rows(width, height-1) // the cursor stands below
	b := []byte("\x1b[?7l")         // wide characters may be cut too late: do not wrap
	if l.lines > 0 {
		b = fmt.Appendf(b, "\x1b[%dA", min(l.lines, height-1))
	}
	b = append(b, '\r')
	for _, row := range rows {
		b = append(append(b, row...), "\x1b[K\r\n"...)
	}
	b = append(b, "\x1b[J\x1b[?7h"...)
	l.lines, l.changed, l.at = len(rows), false, time.Now()
	_, err = l.w.Write(b)
	return err
}

// rows returns at most height lines of at most width characters.
func (l *liveTable) rows(width, height int) []string {
	shown, more := l.keys, 0
	if len(shown) > height {
		shown, more = shown[:height-1], len(shown)-height+1
	}
	widest := 0
	for _, key := range shown {
		widest = max(widest, utf8.RuneCountInString(key))
	}
	var rows []string
	for _, key := range shown {
		rows = append(rows, cut(fmt.Sprintf("%-*s  %s", widest, key, l.values[key]), width))
	}
	if more > 0 {
		rows = append(rows, cut(fmt.Sprintf("… and %d more", more), width))
	}
	return rows
}

// cut returns the first width characters of s.
func cut(s string, width int) string {
	n := 0
	for i := range s {
		if n++; n > width {
			return s[:i]
		}
	}
	return s
}
