package peer

import (
	"slices"
	"strings"
	"testing"
)

func TestTheSplitterMakesTheWordsOfFieldsAndToLower(t *testing.T) {
	var s splitter
	for _, line := range []string{
		"", " ", "one", " One  TWO\tthree\n", "naïve Ünder x", "abÄ c", "a\u00a0b\u2003C", "x \xff y", "É", "tail É", "K\u212A",
	} {
		var got []string
		s.each([]byte(line), func(w []byte) { got = append(got, string(w)) })
		var want []string
		for _, w := range strings.Fields(line) {
			want = append(want, strings.ToLower(w))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
