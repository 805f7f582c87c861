package peer

import (
	"bytes"
	"unicode/utf8"
)

// asciiSpace is what strings.Fields splits at, of ASCII.
var asciiSpace = [utf8.RuneSelf]bool{'\t': true, '\n': true, '\v': true, '\f': true, '\r': true, ' ': true}

// splitter cuts lines into words in lower case, as strings.Fields and strings.ToLower do, without allocation
// where the line is ASCII.
type splitter struct {
	word []byte // reused
}

// each calls f with each word of the line. The word is valid during the call.
func (s *splitter) each(line []byte, f func(word []byte)) {
	word := s.word[:0]
	defer func() { s.word = word }()
	for i, c := range line {
		switch {
		case c >= utf8.RuneSelf:
			// Back to the start of the word, which may change as a whole.
			for _, w := range bytes.Fields(line[i-len(word):]) {
				f(bytes.ToLower(w))
			}
			word = word[:0]
			return
		case asciiSpace[c]:
			if len(word) > 0 {
				f(word)
				word = word[:0]
			}
		case 'A' <= c && c <= 'Z':
			word = append(word, c+('a'-'A'))
		default:
			word = append(word, c)
		}
	}
	if len(word) > 0 {
		f(word)
	}
}
