package flightstest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Row is a row of flights.csv.
type Row struct {
	Day                                 int // year, month and day: 20130131
	Hour                                time.Time
	Origin, Dest, Carrier, Number, Tail string
	Delay                               int64 // minutes
	Delayed                             bool  // there is a Delay
}

// Rows reads flights.csv.
func Rows(tb testing.TB, text io.Reader) []Row {
	tb.Helper()
	lines, err := csv.NewReader(text).ReadAll()
	must(tb, err)
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	var rows []Row
	for _, line := range lines[1:] {
		rows = append(rows, rowOf(tb, func(name string) string { return line[column[name]] }))
	}
	return rows
}

func rowOf(tb testing.TB, cell func(column string) string) Row {
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		must(tb, err)
		return n
	}
	hour, err := time.Parse("2006-01-02T15:04:05Z", cell("time_hour"))
	must(tb, err)
	r := Row{
		Day:  number(cell("year"))*10000 + number(cell("month"))*100 + number(cell("day")),
		Hour: hour, Origin: cell("origin"), Dest: cell("dest"), Carrier: cell("carrier"), Number: cell("flight"), Tail: cell("tailnum"),
	}
	if delay := cell("dep_delay"); delay != "NA" {
		r.Delay, r.Delayed = int64(number(delay)), true
	}
	return r
}

// ByDay returns the rows ordered by day; those of a day stay as they are.
func ByDay(rows []Row) []Row {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Row) int { return a.Day - b.Day })
	return rows
}

// CSV returns the text of flights.csv in the package at a path.
func CSV(tb testing.TB, packagePath string) []byte {
	tb.Helper()
	file, err := os.Open(packagePath)
	must(tb, err)
	defer file.Close()
	plain, err := gzip.NewReader(file)
	must(tb, err)
	archive := tar.NewReader(plain)
	for {
		entry, err := archive.Next()
		must(tb, err)
		if path.Base(entry.Name) == "flights.csv.zip" {
			break
		}
	}
	b, err := io.ReadAll(archive)
	must(tb, err)
	zipped, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	must(tb, err)
	text, err := zipped.Open("flights.csv")
	must(tb, err)
	b, err = io.ReadAll(text)
	must(tb, err)
	return b
}

func must(tb testing.TB, err error) {
	if err != nil {
		tb.Helper()
		tb.Fatal(err)
	}
}
