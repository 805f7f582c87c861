package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// counts are counts by word.
type counts map[string]int64

// writeTable prints the top most frequent words: by count, falling, then by word.
func (c counts) writeTable(w io.Writer, top int) error {
	words := slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		return cmp.Or(cmp.Compare(c[b], c[a]), cmp.Compare(a, b))
	})
	words = words[:min(top, len(words))]
	out := bufio.NewWriter(w)
	width := len("count")
	if len(words) > 0 {
		width = max(width, len(strconv.FormatInt(c[words[0]], 10)))
	}
	fmt.Fprintf(out, "%*s  word\n", width, "count")
	for _, word := range words {
		fmt.Fprintf(out, "%*d  %s\n", width, c[word], printable(word))
	}
	return out.Flush()
}

// printable keeps a word from steering the terminal.
func printable(word string) string {
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return strconv.Quote(word)
	}
	return word
}

// writeJSON writes a line {"word":…,"count":…} for each word, sorted by word.
func (c counts) writeJSON(w io.Writer) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, word := range slices.Sorted(maps.Keys(c)) {
		line := struct {
			Word  string `json:"word"`
			Count int64  `json:"count"`
		}{word, c[word]}
		if err := lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
