package integration

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand"
	"net"
	"os"
	"os/exec"
	signals "os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// killPoint is where a process ends itself with SIGKILL: at one of its requests of a kind.
type killPoint struct {
	Name     string
	Key      kmsg.Key
	Answered bool // when its answer has come, which the client does not see any more; otherwise before it is sent
	Number   int  // which of them, from 1 on
}

// killPoints are between all steps of a commit.
var killPoints = []killPoint{
	{Name: "before the flush", Key: kmsg.Produce},
	{Name: "after the flush", Key: kmsg.Produce, Answered: true},
	{Name: "before the offsets in the transaction", Key: kmsg.TxnOffsetCommit},
	{Name: "after the offsets in the transaction", Key: kmsg.TxnOffsetCommit, Answered: true},
	{Name: "before the end of the transaction", Key: kmsg.EndTxn},
	{Name: "after the end of the transaction", Key: kmsg.EndTxn, Answered: true},
}

// TestCountsAreExactAfterKillsAtEachStepOfACommit kills a process of an exactly-once word count with SIGKILL at each point, again and
// again, while another one works and lines come in.
func TestCountsAreExactAfterKillsAtEachStepOfACommit(t *testing.T) {
	t.Parallel() // most of it is waiting
	each := number(t, "KILLPOINTS", 5)
	c := sharedBroker(t).open(t, 2*time.Minute+time.Duration(each*len(killPoints))*20*time.Second)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	seed := int64(number(t, "SEED", int(time.Now().UnixNano())))
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	source, want := newText(seed), map[string]int64{}
	written := 0
	write := func(n int) {
		lines := source.lines(n)
		add(want, lines...)
		c.lines(from, 4, lines)
		written += n
	}
	write(1000)
	healthy := c.startVictim(from, to, "healthy", nil)
	killed, got := map[string]int{}, c.counts(to)
	for range each {
		for _, i := range random.Perm(len(killPoints)) {
			point := killPoints[i]
			point.Number = 1 + random.Intn(4)
			p := c.startVictim(from, to, "victim", &point)
			for alive := true; alive; {
				write(20)
				select {
				case <-p.ended:
					alive = false
				case <-healthy.ended:
					t.Fatalf("the process that is not killed ended by itself with exit code %d", healthy.exit())
				case <-c.ctx.Done():
					t.Fatalf("the process does not come to its request number %d %s", point.Number, point.Name)
				case <-time.After(20 * time.Millisecond):
				}
			}
			if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Fatalf("%s the process ended by itself: %v", point.Name, p.cmd.ProcessState)
			}
			killed[point.Name]++
			got.refresh() // while it is little
		}
	}
	last := c.startVictim(from, to, "victim", nil)
	c.until("all lines are counted", got.reach(want))
	stop(healthy, last)
	got.equal(want)
	c.neverTwice(to)
	for _, point := range killPoints {
		t.Logf("%d kills %s", killed[point.Name], point.Name)
		if killed[point.Name] == 0 {
			t.Errorf("nothing was killed %s", point.Name)
		}
	}
	t.Logf("%d lines, %d words, each counted once; %d records of counts", written, occurrences(want), sum(got.next))
}

// victimVariable is set for the processes that the test starts from its own binary.
const victimVariable = "MILLRACE_INTEGRATION_VICTIM"

// victim is what such a process is told.
type victim struct {
	Broker, Application, From, To, Instance string
	Point                                   *killPoint // nil: none
}

// startVictim starts a word count in a process of its own.
func (c *cluster) startVictim(from, to, instance string, point *killPoint) *process {
	c.t.Helper()
	told, err := json.Marshal(victim{c.broker.address, c.name, from, to, instance, point})
	c.must(err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+string(told))
	return c.launch(cmd)
}

func init() {
	if told := os.Getenv(victimVariable); told != "" {
		os.Exit(beVictim(told))
	}
}

// beVictim is the process.
func beVictim(told string) (code int) {
	var v victim
	err := json.Unmarshal([]byte(told), &v)
	if err == nil {
		ctx, stop := signals.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		options := []kgo.Opt{kgo.SessionTimeout(sessionLength)}
		if v.Point != nil {
			options = append(options, kgo.Dialer((&deadline{point: *v.Point}).dial))
		}
		err = framework.Run(ctx, framework.Config{
			Name: v.Application, Guarantee: framework.ExactlyOnce, Instance: v.Instance, Workers: 1,
			Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: []string{v.Broker}, Options: options})},
			Logger:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		}, countWords(v.From, v.To))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// deadline counts requests, and ends the process at its point.
type deadline struct {
	point killPoint
	mu    sync.Mutex // guards what follows
	sent  int
}

func (d *deadline) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &deadlyConn{Conn: conn, of: d}, err
}

// deadlyConn is a connection to a broker. The client writes a request by one call.
type deadlyConn struct {
	net.Conn
	of *deadline

	mu   sync.Mutex // guards last
	last *int32     // the number of the request whose answer is the end; nil: none

	partial []byte // of an answer; used by the client's reader
}

func (c *deadlyConn) Write(b []byte) (int, error) {
	if kmsg.Key(binary.BigEndian.Uint16(b[4:])) == c.of.point.Key {
		c.of.mu.Lock()
		c.of.sent++
		reached := c.of.sent == c.of.point.Number
		c.of.mu.Unlock()
		if reached && !c.of.point.Answered {
			die()
		}
		if reached {
			number := int32(binary.BigEndian.Uint32(b[8:]))
			c.mu.Lock()
			c.last = &number
			c.mu.Unlock()
		}
	}
	return c.Conn.Write(b)
}

func (c *deadlyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.partial = append(c.partial, b[:n]...)
	for len(c.partial) >= 8 {
		whole := 4 + int(binary.BigEndian.Uint32(c.partial))
		if len(c.partial) < whole {
			break
		}
		c.mu.Lock()
		reached := c.last != nil && *c.last == int32(binary.BigEndian.Uint32(c.partial[4:]))
		c.mu.Unlock()
		if reached {
			die()
		}
		c.partial = c.partial[whole:]
	}
	return n, err
}

// die ends this process as kill -9 does: nothing of it runs any more.
func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}
