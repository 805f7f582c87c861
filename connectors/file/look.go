package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/millrace/millrace/framework/connector"
)

const (
	headBytes = 1 << 10
	tailBytes = 256
)

// look is what a file looked like up to a position, to tell whether it is still the same. Of a compressed file it is
// the whole file: those do not grow.
type look struct {
	Size      int64  `json:"size"` // in bytes, as it is stored
	HeadBytes int64  `json:"head_bytes"`
	Head      string `json:"head"`
	Tail      string `json:"tail"` // of the bytes before the position
}

// lookAt describes a file up to a position: of a compressed file its size.
func lookAt(f handle, position int64) (look, error) {
	info, err := f.Stat()
	if err != nil {
		return look{}, err
	}
	l := look{Size: info.Size(), HeadBytes: min(position, headBytes)}
	if l.Head, err = digest(f, 0, l.HeadBytes); err != nil {
		return l, err
	}
	l.Tail, err = digest(f, max(0, position-tailBytes), min(position, tailBytes))
	return l, err
}

func digest(f handle, at, n int64) (string, error) {
	if n == 0 {
		return "", nil
	}
	b, err := readPart(f, at, n)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

// gap is the error about a file that is not what it was. Its text says what to do.
type gap struct {
	path   string
	what   string
	noSkip bool // reading it anew needs a start
}

func (g *gap) Error() string {
	anew := "put it back, or read it anew from its beginning with OnGap(framework.Skip)"
	if g.noSkip {
		anew = "start again with OnGap(framework.Skip) to read it anew from its beginning"
	}
	return fmt.Sprintf("file %s %s: %v; %s", g.path, g.what, connector.ErrGap, anew)
}

func (g *gap) Unwrap() error { return connector.ErrGap }

// compare says how a file differs from what it was when it had been read up to a position. It returns a *gap where it does.
func (was look) compare(f handle, path string, position int64, whole bool) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	end := position
	if whole {
		end = was.Size
	}
	switch size := info.Size(); {
	case size < end:
		return &gap{path: path, what: fmt.Sprintf("shrank to %d bytes, of which %d were read", size, end)}
	case whole && size != was.Size && position >= wholeEnd: // one that was cut short may be there in full now
		return &gap{path: path, what: fmt.Sprintf("is compressed and had %d bytes when reading it began, and has %d: it was replaced, or added to", was.Size, size)}
	}
	head, err := digest(f, 0, was.HeadBytes)
	if err != nil {
		return err
	}
	tail, err := digest(f, max(0, end-tailBytes), min(end, tailBytes))
	if err != nil {
		return err
	}
	if head != was.Head || tail != was.Tail {
		return &gap{path: path, what: fmt.Sprintf("was replaced: its bytes before position %d are others than those that were read", end)}
	}
	return nil
}

// missing turns fs.ErrNotExist into the error about a file that vanished, while it was read or before.
func missing(path string, err error, running bool) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &gap{path: path, what: "vanished, and a part of it was read", noSkip: running}
	}
	return err
}
