package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/apps/internal/command"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// result is what a run left behind.
type result struct {
	code           int
	stdout, stderr string
}

func runs(t *testing.T, args string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), strings.Fields(args), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// prints runs the program, which must print the first n numbers and nothing else.
func prints(t *testing.T, n int, args string) {
	t.Helper()
	r := runs(t, args)
	if r.code != 0 || r.stderr != "" {
		t.Errorf("exit %d, standard error %q; want 0 and nothing", r.code, r.stderr)
	}
	same(t, r.stdout, fibonacci(n))
}

// fibonacci is what a loop makes.
func fibonacci(n int) string {
	var b strings.Builder
	first, second := big.NewInt(1), big.NewInt(2)
	for range n {
		fmt.Fprintln(&b, first)
		first, second = second, new(big.Int).Add(first, second)
	}
	return b.String()
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	wanted := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			t.Fatalf("line %d is %q, want %q", i+1, line, append(wanted, "nothing")[min(i, len(wanted))])
		}
	}
}

func startBroker(t *testing.T) *embedded.Broker {
	t.Helper()
	b, err := embedded.Start(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// nothingLeft checks that no run left a topic or a group.
func nothingLeft(t *testing.T, b *embedded.Broker) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(t.Context())
	groups, groupsErr := kadm.NewClient(client).ListGroups(t.Context())
	if err := errors.Join(err, groupsErr); err != nil {
		t.Fatal(err)
	}
	if left := append(topics.Names(), groups.Groups()...); len(left) > 0 {
		t.Errorf("%q are left behind", left)
	}
}

func TestTwentyNumbersArePrintedByDefault(t *testing.T) {
	prints(t, 20, "-memory -rate 1000")
	prints(t, 20, "-rate 1000")
	same(t, fibonacci(20), "1\n2\n3\n5\n8\n13\n21\n34\n55\n89\n144\n233\n377\n610\n987\n1597\n2584\n4181\n6765\n10946\n")
}

func TestSoManyNumbersArePrinted(t *testing.T) {
	prints(t, 1, "-memory -n 1")
	prints(t, 300, "-memory -n 300 -rate 100000")
	prints(t, 1, "-n 1")
	prints(t, 50, "-n 50 -rate 2000")
}

func TestEachRunOnTheSameBrokersBeginsAnewAndLeavesNothingBehind(t *testing.T) {
	b := startBroker(t)
	args := "-n 30 -rate 2000 -brokers " + b.Addrs()[0]
	prints(t, 30, args)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { prints(t, 30, args) })
	}
	both.Wait()
	nothingLeft(t, b)
}

// Where the broker no longer knows the worker, the partition is lost: what was not committed is read again.
func TestNumbersGoOnAfterThePartitionWasLost(t *testing.T) {
	b := startBroker(t)
	var beats atomic.Int64
	b.Cluster().ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster().KeepControl()
		if beats.Add(1) != 2 {
			return nil, nil, false
		}
		answer := r.ResponseKind().(*kmsg.HeartbeatResponse)
		answer.ErrorCode = kerr.UnknownMemberID.Code
		return answer, nil, true
	})
	r := runs(t, "-n 120 -rate 100 -brokers "+b.Addrs()[0])
	if r.code != 0 || !strings.Contains(r.stderr, "the group has to be joined again") {
		t.Errorf("exit %d, standard error %q; want 0, after the group was joined again", r.code, r.stderr)
	}
	same(t, r.stdout, fibonacci(120))
	nothingLeft(t, b)
}

// lines is a standard output that fails, or tells, when it has so many lines.
type lines struct {
	bytes.Buffer
	left int
	then func() error
}

func (l *lines) Write(b []byte) (int, error) {
	if l.left == 0 {
		return 0, l.then()
	}
	if l.left--; l.left == 0 && l.then() == nil {
		l.left = -1
	}
	return l.Buffer.Write(b)
}

func TestAStopEndsTheNumbersAndSaysHowManyThereAre(t *testing.T) {
	b := startBroker(t)
	for _, args := range []string{"-memory", "-brokers " + b.Addrs()[0]} {
		t.Run(args, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			out, errs := &lines{left: 5, then: func() error { stop(); return nil }}, bytes.Buffer{}
			code := run(ctx, strings.Fields("-n 1000000 -rate 1000 "+args), out, &errs)
			n := strings.Count(out.String(), "\n")
			if want := fmt.Sprintf("fib: stopped after %d numbers\n", n); code != command.Fault || errs.String() != want || n < 5 {
				t.Errorf("exit %d, standard error %q, want %d and %q", code, errs.String(), command.Fault, want)
			}
			same(t, out.String(), fibonacci(n))
		})
	}
	nothingLeft(t, b)
}

func TestAnOutputThatFailsEndsTheRun(t *testing.T) {
	b := startBroker(t)
	for _, args := range []string{"-memory", "-brokers " + b.Addrs()[0]} {
		for _, n := range []int{0, 1, 2, 7} {
			t.Run(fmt.Sprint(n, " ", args), func(t *testing.T) {
				out, errs := &lines{left: n, then: func() error { return io.ErrShortWrite }}, bytes.Buffer{}
				code := run(t.Context(), strings.Fields("-rate 1000 "+args), out, &errs)
				says := fmt.Sprintf("fib: stopped after %d numbers: operator for-each ", n)
				if s := errs.String(); code != command.Fault || !strings.HasPrefix(s, says) || !strings.HasSuffix(s, ": short write\n") || strings.Count(s, "\n") != 1 {
					t.Errorf("exit %d, standard error %q", code, s)
				}
				same(t, out.String(), fibonacci(n))
			})
		}
	}
	nothingLeft(t, b)
}

func TestBrokersThatDoNotAnswerEndTheRun(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o, err := parse([]string{"-brokers", silent.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	p := newProgram(o, io.Discard, io.Discard)
	p.patience = 20 * time.Millisecond
	if err := p.run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "stopped after 0 numbers: no number came for 20ms: ") {
		t.Errorf("got %v", err)
	}
	r := runs(t, "-brokers 127.0.0.1:1")
	if r.code != command.Fault || !strings.HasPrefix(r.stderr, "fib: stopped after 0 numbers: no broker answers at 127.0.0.1:1: ") {
		t.Errorf("got %+v", r)
	}
}

func TestFlagsThatAreWrongAreNamedAllAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		args string
		code int
		want []string
	}{
		"no numbers":               {"-n 0", command.Usage, []string{"-n 0: "}},
		"fewer than none":          {"-n -1", command.Usage, []string{"-n -1: "}},
		"a part of a number":       {"-n 1.5", command.Usage, []string{`invalid value "1.5" for flag -n`}},
		"no rate":                  {"-rate 0", command.Usage, []string{"-rate 0: from 0.0001 to 1000000 "}},
		"a negative rate":          {"-rate -1", command.Usage, []string{"-rate -1: "}},
		"a rate that is no number": {"-rate NaN", command.Usage, []string{"-rate NaN: "}},
		"too high a rate":          {"-rate Inf", command.Usage, []string{"-rate +Inf: "}},
		"a rate in words":          {"-rate fast", command.Usage, []string{`invalid value "fast" for flag -rate`}},
		"no brokers in the list":   {"-brokers ,", command.Usage, []string{"-brokers is empty"}},
		"brokers and none":         {"-memory -brokers a:1", command.Usage, []string{"leave out -brokers or -memory"}},
		"no name":                  {"-name=", command.Usage, []string{"-name is empty"}},
		"an unknown flag":          {"-unknown", command.Usage, []string{"-unknown"}},
		"all":                      {"-n 0 -rate 0 -memory -brokers , -name= 20", command.Usage, []string{`unexpected argument "20"`, "-n 0", "-rate 0", "-brokers is empty", "-memory", "-name is empty"}},
		"a name that is none":      {"-name a/b", command.Fault, []string{`application name "a/b`, "topic name", "topic name"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := runs(t, test.args)
			got := strings.SplitAfter(r.stderr, "\n")
			if r.code != test.code || r.stdout != "" || len(got) != len(test.want)+1 || !strings.HasPrefix(r.stderr, "fib: ") {
				t.Fatalf("got %+v, want exit %d and %d lines", r, test.code, len(test.want))
			}
			for i, want := range test.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("line %q does not say %q", got[i], want)
				}
			}
		})
	}
}

func TestTheRateIsNumbersASecond(t *testing.T) {
	for rate, want := range map[string]time.Duration{"10": 100 * time.Millisecond, "0.5": 2 * time.Second, "3": 333333333, "1e6": time.Microsecond, "0.0001": 10000 * time.Second} {
		if o, err := parse([]string{"-rate", rate}); err != nil || o.interval() != want {
			t.Errorf("-rate %s: got %s (%v), want %s", rate, o.interval(), err, want)
		}
	}
}

func TestHelpNamesTheFlags(t *testing.T) {
	r := runs(t, "-help")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("exit %d, standard error %q", r.code, r.stderr)
	}
	for _, want := range []string{"-n ", "-rate ", "-brokers ", "-memory", "-name ", "-v"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
}
