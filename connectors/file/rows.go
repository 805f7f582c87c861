package file

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"

	"github.com/jszwec/csvutil"
)

// rows is the codec of CSV rows. The bytes of a value are the header, a newline, and the row, so that they mean the same
// whatever file they are in. It keeps a decoder for each header.
type rows[V any] struct {
	name   string
	header []byte
	fault  error // of the type

	encoders sync.Pool

	mu       sync.RWMutex // guards decoders
	decoders map[string]*sync.Pool
}

// maxHeaders bounds the decoders that are kept. Files of one source mostly have the same header, or a few.
const maxHeaders = 256

func newRows[V any]() *rows[V] {
	r := &rows[V]{name: "csv(" + reflect.TypeFor[V]().String() + ")", decoders: map[string]*sync.Pool{}}
	var zero V
	columns, err := csvutil.Header(zero, "csv")
	if err == nil && len(columns) == 0 {
		err = errors.New("it has no fields to make columns of")
	}
	if err != nil {
		r.fault = fmt.Errorf("%s: %w; a struct with exported fields is needed", r.name, err)
		return r
	}
	e := newRowEncoder()
	e.row = columns
	r.header = e.appendRow(nil)
	r.encoders.New = func() any { return newRowEncoder() }
	return r
}

func (r *rows[V]) Name() string { return r.name }

// Append appends header and row.
func (r *rows[V]) Append(dst []byte, v V) ([]byte, error) {
	if r.fault != nil {
		return dst, r.fault
	}
	e := r.encoders.Get().(*rowEncoder)
	defer r.encoders.Put(e)
	if err := e.enc.Encode(v); err != nil {
		return dst, fmt.Errorf("%s: %w", r.name, err)
	}
	return e.appendRow(append(append(dst, r.header...), '\n')), nil
}

// rowEncoder takes the columns of a row from one library and gives them to the other.
type rowEncoder struct {
	enc  *csvutil.Encoder
	row  []string
	text bytes.Buffer
	csv  *csv.Writer
}

func newRowEncoder() *rowEncoder {
	e := &rowEncoder{}
	e.enc = csvutil.NewEncoder(e)
	e.enc.AutoHeader = false
	e.csv = csv.NewWriter(&e.text)
	return e
}

// Write is called by the library.
func (e *rowEncoder) Write(columns []string) error {
	e.row = append(e.row[:0], columns...)
	return nil
}

// appendRow appends the columns as encoding/csv writes them, without the newline. A row of one empty column is quoted, since an
// empty line is none.
func (e *rowEncoder) appendRow(dst []byte) []byte {
	if len(e.row) == 1 && e.row[0] == "" {
		return append(dst, `""`...)
	}
	e.text.Reset()
	e.csv.Write(e.row) // a bytes.Buffer takes all
	e.csv.Flush()
	return append(dst, bytes.TrimSuffix(e.text.Bytes(), []byte("\n"))...)
}

// Decode reads a row by its header.
func (r *rows[V]) Decode(b []byte) (v V, err error) {
	if r.fault != nil {
		return v, r.fault
	}
	header, row, ok := cutHeader(b)
	if !ok {
		return v, fmt.Errorf("%s: the header is missing", r.name)
	}
	pool, err := r.decodersFor(header)
	if err != nil {
		return v, fmt.Errorf("%s: %w", r.name, err)
	}
	d := pool.Get().(*rowDecoder)
	if err := d.decode(row, &v); err != nil {
		return v, fmt.Errorf("%s: %w", r.name, err) // and the decoder is left in the middle of something
	}
	pool.Put(d)
	return v, nil
}

// decodersFor returns the decoders of a header.
func (r *rows[V]) decodersFor(header []byte) (*sync.Pool, error) {
	r.mu.RLock()
	pool := r.decoders[string(header)]
	r.mu.RUnlock()
	if pool != nil {
		return pool, nil
	}
	columns, err := csv.NewReader(bytes.NewReader(header)).Read()
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	if _, err := newRowDecoder(columns); err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	pool = &sync.Pool{New: func() any {
		d, err := newRowDecoder(columns)
		if err != nil {
			panic(err) // it was made once above
		}
		return d
	}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.decoders) >= maxHeaders {
		clear(r.decoders)
	}
	r.decoders[string(header)] = pool
	return pool, nil
}

// rowDecoder decodes rows of one header.
type rowDecoder struct {
	dec  *csvutil.Decoder
	csv  *csv.Reader
	feed *feed
}

func newRowDecoder(columns []string) (*rowDecoder, error) {
	f := &feed{}
	r := csv.NewReader(f)
	r.FieldsPerRecord = len(columns)
	r.ReuseRecord = true
	d, err := csvutil.NewDecoder(r, columns...)
	if err != nil {
		return nil, err
	}
	d.DisallowMissingColumns = true
	return &rowDecoder{d, r, f}, nil
}

var errTwoRows = errors.New("there is more than one row")

func (d *rowDecoder) decode(row []byte, v any) error {
	if bytes.IndexByte(row, '\n') >= 0 && rowLength(row) >= 0 {
		return errTwoRows // the second one would be the next value
	}
	d.feed.left, d.feed.newline = row, true
	err := d.dec.Decode(v)
	if errors.Is(err, io.EOF) {
		return errors.New("the row is empty")
	}
	return err
}

// feed hands one row after the other to a reader that expects a file.
type feed struct {
	left    []byte
	newline bool // is still to come
}

func (f *feed) Read(b []byte) (int, error) {
	n := copy(b, f.left)
	f.left = f.left[n:]
	if len(f.left) == 0 && f.newline && n < len(b) {
		b[n] = '\n'
		f.newline = false
		n++
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// cutHeader divides the bytes of a value.
func cutHeader(b []byte) (header, row []byte, ok bool) {
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 {
		return nil, nil, false
	}
	if bytes.IndexByte(b[:n], '"') >= 0 {
		if n = rowLength(b); n < 0 {
			return nil, nil, false
		}
	}
	return b[:n-1], b[n:], true
}
