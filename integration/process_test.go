package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is wordcount in a process of its own.
type process struct {
	c      *cluster
	cmd    *exec.Cmd
	began  time.Time
	ended  chan struct{}
	stderr bytes.Buffer // read after ended
}

// wordcount starts the application's binary.
func (c *cluster) wordcount(args ...string) *process {
	c.t.Helper()
	return c.launch(exec.Command(wordcount(c.t), args...))
}

// launch starts a process, which does not outlive the test.
func (c *cluster) launch(cmd *exec.Cmd) *process {
	c.t.Helper()
	p := &process{c: c, cmd: cmd, began: time.Now(), ended: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	c.must(p.cmd.Start())
	go func() { // the cleanup waits for it
		defer close(p.ended)
		var exit *exec.ExitError
		if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
			c.t.Error(err)
		}
	}()
	c.t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.ended
		if c.t.Failed() && p.stderr.Len() > 0 {
			c.t.Logf("wordcount wrote:\n%s", &p.stderr)
		}
	})
	return p
}

// signal sends a signal to a process that may have ended.
func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.c.t.Error(err)
	}
}

// exit waits for the end of the process and returns its exit code, -1 after a signal.
func (p *process) exit() int {
	p.c.t.Helper()
	select {
	case <-p.ended:
	case <-p.c.ctx.Done():
		p.c.t.Fatal("wordcount did not end in time")
	}
	return p.cmd.ProcessState.ExitCode()
}

// listensAfter is after what time a process has begun to listen to signals, whatever else the machine does.
const listensAfter = 10 * time.Second

// stop stops processes as services are stopped. They must end without a fault; one that had not begun dies of the signal.
func stop(all ...*process) {
	young := map[*process]bool{}
	for _, p := range all {
		young[p] = time.Since(p.began) < listensAfter
		p.signal(syscall.SIGTERM)
	}
	for _, p := range all {
		p.c.t.Helper()
		code := p.exit()
		status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		if died := status.Signaled() && status.Signal() == syscall.SIGTERM && p.stderr.Len() == 0; code != 0 && !(died && young[p]) {
			p.c.t.Errorf("a process ended with exit code %d after SIGTERM", code)
		}
	}
}

// file writes lines to a file of the test and returns its path.
func (c *cluster) file(name string, lines []string) string {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), name)
	c.must(os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	return path
}

// finalCounts reads what wordcount wrote to -output.
func (c *cluster) finalCounts(path string) map[string]int64 {
	c.t.Helper()
	f, err := os.Open(path)
	c.must(err)
	defer f.Close()
	counts := map[string]int64{}
	for d := json.NewDecoder(f); d.More(); {
		var line struct {
			Word  string
			Count int64
		}
		c.must(d.Decode(&line))
		counts[line.Word] = line.Count
	}
	return counts
}
