package integration

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestABrokerThatGoesAwayAndComesBackLosesNothing takes the broker away while lines come in: once it hangs with its connections
// open, once it is stopped and started.
func TestABrokerThatGoesAwayAndComesBackLosesNothing(t *testing.T) {
	t.Parallel() // most of it is waiting
	outage := duration(t, "OUTAGE", 12*time.Second)
	b := ownBroker(t, testcontainers.WithCmd("sh", "-c", startsAgain))
	for _, way := range []struct {
		name       string
		away, back func(context.Context, *broker) error
	}{
		{"hangs", hang, goOn},
		{"restarts", stopBroker, restartBroker},
	} {
		t.Run(way.name, func(t *testing.T) {
			c := b.open(t, 2*time.Minute+2*outage)
			from, to := c.topic("lines", 4), c.topic("counts", 4)
			lines := c.feed(from, 9)
			r := c.run(framework.Config{}, countWords(from, to)).ready()
			c.until("offsets are committed", func() (bool, error) { return r.app.Stats().Commits > 3, nil }, r)
			c.must(way.away(c.ctx, b))
			select {
			case <-time.After(outage):
			case <-r.ended:
				t.Fatalf("the application ended while the broker was away: %v", r.err)
			}
			c.must(way.back(c.ctx, b))
			back := time.Now()
			processed := r.app.Stats().In
			c.until("lines are processed again", func() (bool, error) { return r.app.Stats().In > processed, nil }, r)
			t.Logf("lines were processed again %s after the broker was back", time.Since(back).Round(time.Millisecond))
			want, got := lines.end(), c.counts(to)
			c.until("no count is too low", got.reach(want), r)
			ends, err := c.ends(from)
			c.must(err)
			c.until("the end is committed", func() (bool, error) {
				committed, err := c.committed(c.name, from)
				return maps.Equal(committed, ends), err
			}, r)
			r.halt()
			t.Logf("%d words; they are counted %d times too often", occurrences(want), occurrences(got.refresh())-occurrences(want))
		})
	}
}

// startsAgain is the command of a broker whose container is stopped and started: the image's own prepares the broker's
// storage, which is refused a second time.
const startsAgain = `
if [ -e /tmp/prepared ]; then
	exec java $KAFKA_HEAP_OPTS -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties
fi
touch /tmp/prepared
exec /etc/kafka/docker/run`

// hang stops the broker's process by a signal: its connections stay open and nothing answers. The engine's own pause freezes
// the container's control group, which fails now and then on a busy machine.
func hang(ctx context.Context, b *broker) error {
	if err := signal(ctx, b, "SIGSTOP"); err != nil {
		return err
	}
	asks, err := kgo.NewClient(append(b.auth, kgo.SeedBrokers(b.address))...)
	if err != nil {
		return err
	}
	defer asks.Close()
	silent, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := asks.Ping(silent); err == nil {
		return errors.New("the broker was stopped and answers")
	}
	return nil
}

func goOn(ctx context.Context, b *broker) error { return signal(ctx, b, "SIGCONT") }

func signal(ctx context.Context, b *broker, name string) error {
	return withEngine(func(engine client.APIClient) error {
		_, err := engine.ContainerKill(ctx, b.container.GetContainerID(), client.ContainerKillOptions{Signal: name})
		return err
	})
}

func withEngine(do func(client.APIClient) error) error {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer provider.Close()
	return do(provider.Client())
}

func stopBroker(ctx context.Context, b *broker) error {
	grace := 20 * time.Second
	return b.container.Stop(ctx, &grace)
}

func restartBroker(ctx context.Context, b *broker) error { return b.container.Start(ctx) }
