package integration

import (
	"bytes"
	"fmt"
	"math/big"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFibPrintsTheNumbersEachTime runs the application as a user does, twice with the same name.
func TestFibPrintsTheNumbersEachTime(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	binary := filepath.Join(t.TempDir(), "fib")
	if out, err := exec.CommandContext(c.ctx, "go", "build", "-o", binary, "../apps/fib").CombinedOutput(); err != nil {
		t.Fatalf("build fib: %v\n%s", err, out)
	}
	const n = 120
	var want strings.Builder
	first, second := big.NewInt(1), big.NewInt(2)
	for range n {
		fmt.Fprintln(&want, first)
		first, second = second, new(big.Int).Add(first, second)
	}
	for range 2 {
		began := time.Now()
		var stdout, stderr bytes.Buffer
		fib := exec.CommandContext(c.ctx, binary, "-brokers", c.broker.address, "-name", c.name, "-n", fmt.Sprint(n), "-rate", "200")
		fib.Stdout, fib.Stderr = &stdout, &stderr
		if err := fib.Run(); err != nil || stderr.Len() > 0 {
			t.Errorf("fib ended with %v and wrote %q", err, &stderr)
		}
		if stdout.String() != want.String() {
			t.Errorf("fib printed\n%s\nwant\n%s", &stdout, &want)
		}
		t.Logf("%d numbers in %s", n, time.Since(began).Round(time.Millisecond))
	}
	c.leavesNothing(c.name + "-")
}

// leavesNothing waits until no topic and no group has a name that begins so.
func (c *cluster) leavesNothing(prefix string) {
	c.t.Helper()
	c.until("nothing is left of "+prefix, func() (bool, error) {
		topics, err := c.admin.ListTopics(c.ctx)
		if err != nil {
			return false, err
		}
		groups, err := c.admin.ListGroups(c.ctx)
		if err != nil {
			return false, err
		}
		for _, name := range append(topics.Names(), groups.Groups()...) {
			if strings.HasPrefix(name, prefix) {
				return false, fmt.Errorf("%s is left", name)
			}
		}
		return true, nil
	})
}
