package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/apps/flights/flightstest"
	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/apps/internal/command"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func gzipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, content)
	must(err)
	must(w.Close())
	return b.String()
}

// zipped is an archive of files: name, content, name, content …
func zipped(files ...string) string {
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := archive.Create(files[i])
		must(err)
		_, err = io.WriteString(w, files[i+1])
		must(err)
	}
	must(archive.Close())
	return b.String()
}

func tarred(files ...string) string {
	var b bytes.Buffer
	archive := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		must(archive.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644}))
		_, err := io.WriteString(archive, files[i+1])
		must(err)
	}
	must(archive.Close())
	return b.String()
}

func TestTheInputMayBePackedAsThePackageIsOrLess(t *testing.T) {
	want := flightstest.Hours(sampleRows(t))
	for name, in := range map[string]string{
		"flights.csv":             sample,
		"flights.csv.gz":          gzipped(sample),
		"flights.csv.zip":         zipped("flights.csv", sample),
		"a zip of one file":       zipped("folder/", "", "folder/any.csv", sample),
		"a zip of several":        zipped("planes.csv", "tailnum\n", "flights.csv", sample),
		"a zip of a gz":           zipped("flights.csv.gz", gzipped(sample)),
		"the package's .tar.gz":   gzipped(tarred("p/PKG-INFO", "Name: p\n", "p/data/flights.csv.zip", zipped("flights.csv", sample), "p/data/planes.csv", "tailnum\n")),
		"a .tar with flights.csv": tarred("flights.csv", sample),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "input") // its name says nothing
			must(os.WriteFile(path, []byte(in), 0o600))
			apptest.Same(t, prints(t, "", "-input", path), want)
		})
	}
}

func TestAnArchiveWithoutFlightsOrWithAFaultIsNamed(t *testing.T) {
	whole := gzipped(sample)
	flipped := []byte(whole)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	deep := sample
	for range 5 {
		deep = gzipped(deep)
	}
	for name, test := range map[string]struct{ in, want string }{
		"a zip of others":      {zipped("planes.csv", "tailnum\n", "airports.csv", "faa\n"), "the archive has no flights.csv, flights.csv.gz or flights.csv.zip in it"},
		"a tar of others":      {gzipped(tarred("planes.csv", "tailnum\n")), "the archive has no flights.csv"},
		"an empty zip":         {zipped(), "the archive has no flights.csv"},
		"a gz that is cut":     {whole[:len(whole)/2], "unexpected EOF"},
		"a gz with a fault":    {string(flipped), "gzip: invalid checksum"},
		"a zip that is cut":    {zipped("flights.csv", sample)[:5000], "zip: not a valid zip file"},
		"too many in another":  {deep, "more than 4 archives lie in one another: unpack it"},
		"something else whole": {"\x00\x01\x02", "the header: it has no column year"},
	} {
		t.Run(name, func(t *testing.T) {
			r := runs(t, test.in, "-input", "-", "-as-is")
			if r.code != command.Fault || r.stdout != "" || !strings.Contains(r.stderr, test.want) || !strings.HasSuffix(r.stderr, "; no row of the input is counted\n") {
				t.Errorf("got %+v, want %q", r, test.want)
			}
		})
	}
}
