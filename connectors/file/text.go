package file

import (
	"errors"
	"unicode/utf8"

	"github.com/millrace/millrace/framework/codec"
)

// utf8Lines is the codec of lines of text.
var utf8Lines = codec.New("utf-8", appendText, decodeText)

func appendText(dst []byte, line string) ([]byte, error) { return append(dst, line...), nil }

var errNotUTF8 = errors.New("the line is not valid UTF-8; file.AnyBytes passes such lines as they are")

func decodeText(b []byte) (string, error) {
	if !utf8.Valid(b) {
		return "", errNotUTF8
	}
	return string(b), nil
}
