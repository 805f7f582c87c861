package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// advised puts an error of the machine's on one line, which the database may say twice, and adds what to do.
func advised(err error) error {
	lines := slices.Compact(strings.Split(err.Error(), "\n"))
	if do := advice(err); do != "" {
		lines = append(lines, do)
	}
	return oneLine{strings.Join(lines, "; "), err}
}

type oneLine struct {
	text string
	err  error
}

func (l oneLine) Error() string { return l.text }
func (l oneLine) Unwrap() error { return l.err }

func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk is full: make room, and start again; what the folder lacks is read from the changelogs"
	case errors.Is(err, syscall.EROFS):
		return "the disk is read-only: name a folder in Config.StateDir that can be written"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("the user with the id %d may not write there: give the folder, with all that is in it, to that user, or name another one in Config.StateDir", os.Getuid())
	case errors.Is(err, syscall.ENOTDIR):
		return "it, or what it is to be in, is a file: name another folder in Config.StateDir"
	case errors.Is(err, syscall.EIO):
		return "the disk fails: name a folder on another one in Config.StateDir; stores are restored from their changelogs"
	}
	return ""
}

// refused is an error of a folder that cannot be opened.
func refused(folder string, err error) error {
	return fmt.Errorf("state folder %s: %w", folder, advised(err))
}

// unlocked is an error of a folder that cannot be locked.
func unlocked(folder string, err error) error {
	if advice(err) == "" {
		err = errors.New("another process has it open: name one of its own in Config.StateDir for each")
	}
	return refused(folder, err)
}
