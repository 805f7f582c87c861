package integration

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
)

// TestTheImageCountsAndDrainsOnSIGTERM builds the image, lets it count lines from Kafka in another container, and stops it.
func TestTheImageCountsAndDrainsOnSIGTERM(t *testing.T) {
	if os.Getenv("INTEGRATION") == "" {
		t.Skip("building an image takes minutes: set INTEGRATION=required")
	}
	t.Parallel()
	c := sharedBroker(t).open(t, 20*time.Minute)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	app := "wordcount"
	began := time.Now()
	image, err := testcontainers.Run(c.ctx, "",
		testcontainers.WithDockerfile(testcontainers.FromDockerfile{
			Context: "..", BuildArgs: map[string]*string{"APP": &app}, BuildLogWriter: t.Output(),
		}),
		network.WithNetwork(nil, c.broker.network),
		testcontainers.WithCmd("-brokers", brokerInside, "-name", c.name, "-from", from, "-to", to),
	)
	testcontainers.CleanupContainer(t, image)
	c.must(err)
	t.Logf("the image was built and started in %s", time.Since(began).Round(time.Second))
	lines := newText(11).lines(20_000)
	c.lines(from, 4, lines)
	want, got := batchCount(lines...), c.counts(to)
	c.until("all words are counted", got.reach(want))

	grace := 30 * time.Second
	c.must(image.Stop(c.ctx, &grace))
	state, err := image.State(c.ctx)
	c.must(err)
	if state.ExitCode != 0 {
		t.Errorf("the container ended with exit code %d after SIGTERM", state.ExitCode)
	}
	got.equal(want)
	for _, topic := range []string{from, c.name + "-counts-repartition"} {
		ends, err := c.ends(topic)
		c.must(err)
		committed, err := c.committed(c.name, topic)
		c.must(err)
		if !maps.Equal(committed, ends) {
			t.Errorf("offsets %v of topic %s are committed, want %v", committed, topic, ends)
		}
	}
	inspected, err := image.Inspect(c.ctx)
	c.must(err)
	if user, _, _ := strings.Cut(inspected.Config.User, ":"); user == "" || user == "root" || user == "0" {
		t.Errorf("the image runs as user %q", inspected.Config.User)
	}
}
