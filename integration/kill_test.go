package integration

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCountsAreNeverTooLowAfterSIGKILL kills a serving word count at random moments while lines come in.
func TestCountsAreNeverTooLowAfterSIGKILL(t *testing.T) {
	brokers := startKafka(t)
	ctx := t.Context()
	bin := filepath.Join(t.TempDir(), "wordcount")
	build := exec.Command("go", "build", "-o", bin, "../apps/wordcount")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.DefaultProduceTopic("lines"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 4, 1, nil, "lines"); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	random := rand.New(rand.NewSource(1))
	kills := 5
	serve := func() *exec.Cmd {
		c := exec.Command(bin, "-brokers", brokers)
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for range kills {
		c := serve()
		stop := time.After(2*time.Second + time.Duration(random.Intn(3000))*time.Millisecond)
		for running := true; running; {
			line := make([]string, 12)
			for i := range line {
				line[i] = fmt.Sprintf("w%d", random.Intn(1000))
				want[line[i]]++
			}
			cl.Produce(ctx, kgo.StringRecord(strings.Join(line, " ")), func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			select {
			case <-stop:
				running = false
			default:
			}
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.Wait()
	}
	if err := cl.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	last := serve()
	defer func() { last.Process.Kill(); last.Wait() }()
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics("word-counts"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	bounded, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	got := map[string]int64{}
	low := len(want)
	for low > 0 {
		f := reader.PollFetches(bounded)
		if bounded.Err() != nil {
			t.Fatalf("%d of %d words are still too low", low, len(want))
		}
		f.EachRecord(func(r *kgo.Record) { got[string(r.Key)] = int64(binary.BigEndian.Uint64(r.Value)) })
		low = 0
		for w, n := range want {
			if got[w] < n {
				low++
			}
		}
	}
	over, total := int64(0), int64(0)
	for w, n := range want {
		over += got[w] - n
		total += n
	}
	t.Logf("%d kills, %d words, counts are too high by %d", kills, total, over)
}

func startKafka(t *testing.T) string {
	out, err := exec.Command("docker", "run", "-d", "--rm", "--network=host", "apache/kafka:4.1.0").Output()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(string(out))
	t.Cleanup(func() { exec.Command("docker", "kill", id).Run() })
	logs := exec.Command("docker", "logs", "-f", id)
	pipe, _ := logs.StdoutPipe()
	logs.Start()
	defer logs.Process.Kill()
	for s := bufio.NewScanner(pipe); s.Scan(); {
		if strings.Contains(s.Text(), "Kafka Server started") {
			break
		}
	}
	return "127.0.0.1:9092"
}
