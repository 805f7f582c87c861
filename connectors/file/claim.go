package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// claimName is the file in a sink's folder that says whose the parts are. While the application runs it is locked.
const claimName = ".millrace"

var partName = regexp.MustCompile(`^(\.?)part-(\d{6,})\.(txt|jsonl|csv)(\.gz|\.zst)?(\.open)?$`)

var errInUse = errors.New("is in use by another process or application")

// lockFile takes a file for this process. The operating system lets it go when the process ends, however it ends.
func lockFile(name, what string) (*flock.Flock, error) {
	l := flock.New(name)
	mine, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if !mine {
		return nil, fmt.Errorf("%s %w: end it, or use another folder", what, errInUse)
	}
	return l, nil
}

// claim takes the folder of a sink for an application, and deletes parts in it that were never committed. It touches
// nothing that is not the application's.
func claim(d disk, folder, application string, known *partSet) (*flock.Flock, error) {
	if err := d.MakeFolder(folder); err != nil {
		return nil, fmt.Errorf("make the folder of a sink: %w", err)
	}
	name := filepath.Join(folder, claimName)
	l, err := lockFile(name, "the folder "+folder)
	if err != nil {
		return nil, err
	}
	if err := claimLocked(d, folder, name, application, known); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func claimLocked(d disk, folder, name, application string, known *partSet) error {
	content, err := readWhole(d, name)
	if err != nil {
		return err
	}
	owner := strings.TrimSpace(string(content))
	parts, err := partsIn(d, folder)
	if err != nil {
		return err
	}
	if owner != application {
		if len(parts) > 0 {
			whose := "of which it is not known who wrote them"
			if owner != "" {
				whose = "of application " + owner
			}
			return fmt.Errorf("the folder %s holds parts %s: write to another folder, or move them away", folder, whose)
		}
		return writeAside(d, name, []byte(application+"\n"))
	}
	for _, p := range parts {
		switch {
		case p.open && known.part(p.name) == nil:
			if err := d.Remove(hidden(folder, p.name)); err != nil {
				return err
			}
		case !p.open && p.number >= known.Next:
			return fmt.Errorf("the folder %s holds %s, of which the state of application %s knows nothing: put the state folder back that it was written with, or move the parts away to begin anew", folder, p.name, application)
		}
	}
	return nil
}

type foundPart struct {
	name   string // final
	number int
	open   bool
}

func partsIn(d disk, folder string) (parts []foundPart, err error) {
	entries, err := d.List(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		m := partName.FindStringSubmatch(e.Name())
		if m == nil || (m[1] == "") != (m[5] == "") {
			continue
		}
		number, err := strconv.Atoi(m[2])
		if err != nil {
			continue // more digits than a number has
		}
		parts = append(parts, foundPart{strings.TrimSuffix(strings.TrimPrefix(e.Name(), "."), ".open"), number, m[5] != ""})
	}
	return parts, nil
}

// sourceFiles returns the files that a path or pattern stands for, sorted by name.
func sourceFiles(d disk, path string) ([]string, error) {
	info, err := d.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a folder, and a source is files: name one, or a pattern such as %s", path, filepath.Join(path, "*.txt"))
	case err == nil:
		return []string{path}, nil
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(path, `*?[`):
		return nil, fmt.Errorf("the source %s cannot be read: %w", path, err)
	}
	found, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("the source %s: %w", path, err)
	}
	var names []string
	for _, name := range found {
		if strings.HasPrefix(filepath.Base(name), ".") && !strings.HasPrefix(filepath.Base(path), ".") {
			continue
		}
		info, err := d.Stat(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the source %s: %w", path, err)
		}
		if err == nil && !info.IsDir() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		if _, err := d.List(filepath.Dir(path)); err != nil && !strings.ContainsAny(filepath.Dir(path), `*?[`) {
			return nil, fmt.Errorf("the source %s: no file is found: %w", path, err)
		}
		return nil, fmt.Errorf("the source %s: no file is found: put one there before the start", path)
	}
	return names, nil
}

// fileMissing says that a file does not exist.
func fileMissing(err error) bool { return errors.Is(err, os.ErrNotExist) }
