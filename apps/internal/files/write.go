// Package files opens what -input names, and writes what -output names whole or not at all.
package files

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Writable says early what would keep Write from writing to the path that a flag names; "" is nothing to write to.
func Writable(flag, path string) error {
	if path == "" {
		return nil
	}
	return named(flag, writable(path))
}

// Write replaces the file that a flag names by what write writes, whole or not at all. What is no file (a pipe, a device)
// is written in place.
func Write(flag, path string, write func(io.Writer) error) error {
	return named(flag, replace(path, write))
}

func named(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", flag, err)
}

func writable(path string) error {
	path, inPlace, err := target(path)
	if err != nil || inPlace {
		return err
	}
	temporary, err := createBeside(path)
	if err != nil {
		return err
	}
	return errors.Join(temporary.Close(), os.Remove(temporary.Name()))
}

func replace(path string, write func(io.Writer) error) error {
	path, inPlace, err := target(path)
	if err != nil {
		return err
	}
	if inPlace {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return fill(file, write)
	}
	temporary, err := createBeside(path)
	if err != nil {
		return err
	}
	err = fill(temporary, write)
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// target returns the path behind symbolic links, and whether it is to be written in place.
func target(path string) (real string, inPlace bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, false, nil
	case err != nil:
		return "", false, err
	case info.IsDir():
		return "", false, fmt.Errorf("%s is a folder: name a file", path)
	case !info.Mode().IsRegular(), strings.HasPrefix(filepath.Clean(path), "/dev/"): // /dev/stdout may lead to a file
		return path, true, nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", false, err
	}
	return path, false, nil
}

// createBeside creates a file in the same folder, so that it can be renamed to path.
func createBeside(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), os.Getpid()))
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666) // less the umask, as any file of the user's
	if err != nil {
		return nil, err
	}
	return file, nil
}

// fill writes and closes the file; a rename must not come before the content is on the disk.
func fill(file *os.File, write func(io.Writer) error) error {
	out := bufio.NewWriter(file)
	err := errors.Join(write(out), out.Flush())
	if info, statErr := file.Stat(); err == nil && statErr == nil && info.Mode().IsRegular() {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
