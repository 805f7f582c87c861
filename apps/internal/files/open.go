package files

import (
	"fmt"
	"io"
	"os"
)

// Open opens the file that -input names, or returns stdin where that is "-".
func Open(path string, stdin io.Reader) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(stdin), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("-input: %w", err)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		file.Close()
		return nil, fmt.Errorf("-input: %s is a folder: name a file", path)
	}
	return file, nil
}
