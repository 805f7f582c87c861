//go:build unix

// Package nobody lets tests that run as root run as a user who may not do everything.
package nobody

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ID is the user's.
const ID = 65534

// Again runs the test t once more as that user, and fails where it does not pass. It is for a process of root.
func Again(t *testing.T) {
	t.Helper()
	Run(t, t.Name())
}

// Run runs a test of this program in a process of that user, and returns what it prints before its result. It fails where that does not pass.
func Run(t *testing.T, test string, env ...string) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "nobody") // the program lies where only root may look
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	must(t, os.Chown(folder, ID, ID))
	program := filepath.Join(folder, "test")
	in, err := os.Open(os.Args[0])
	must(t, err)
	defer in.Close()
	copied, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(copied, in)
	must(t, err)
	must(t, copied.Close())
	child := exec.Command(program, "-test.v", fmt.Sprintf("-test.run=^%s$", test))
	child.Dir = folder
	child.Env = append(append(os.Environ(), "TMPDIR="+folder), env...)
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ID, Gid: ID}}
	out, err := child.CombinedOutput()
	said, _, passed := strings.Cut(string(out), "--- PASS: "+test+" ")
	if err != nil || !passed {
		t.Fatalf("as the user %d: %v\n%s", ID, err, out)
	}
	return strings.TrimPrefix(said, "=== RUN   "+test+"\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
