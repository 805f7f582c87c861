//go:build !unix || solaris || aix

package embedded

import (
	"fmt"
	"os"
)

// lock makes dir. It does not keep other processes out.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return func() error { return nil }, nil
}
