package integration

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	containers "github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	kafkaImage    = "apache/kafka:4.1.0"
	brokerAlias   = "kafka"               // of the broker on its network
	brokerInside  = brokerAlias + ":9094" // the broker's address for containers on its network
	outsidePort   = "9092/tcp"
	startsWithin  = 2 * time.Minute
	sessionLength = 2 * time.Second // of groups, where a test waits for a session to end
)

// broker is a Kafka broker in a container of its own.
type broker struct {
	address   string // for programs on this host
	network   *testcontainers.DockerNetwork
	container *testcontainers.DockerContainer
	auth      []kgo.Opt // of the user that may do everything
}

// sharedBroker returns the one that all tests use which leave it as it is. Their topics and groups have names of their own.
func sharedBroker(t *testing.T) *broker {
	t.Helper()
	needEngine(t)
	b, err := startShared()
	if err != nil {
		unavailable(t, "no broker starts in a container", err)
	}
	return b
}

var startShared = sync.OnceValues(func() (*broker, error) {
	b, err := startBroker(context.Background())
	if err == nil {
		later(b.remove)
	}
	return b, err
})

// ownBroker returns a broker that only this test uses.
func ownBroker(t *testing.T, options ...testcontainers.ContainerCustomizer) *broker {
	t.Helper()
	sharedBroker(t) // where that one does not start this one is not tried
	b, err := startBroker(t.Context(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.remove(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// startBroker starts a broker with two listeners: HOST for this host, on a port that stays the same when the container
// stops and starts, and NETWORK for other containers.
func startBroker(ctx context.Context, options ...testcontainers.ContainerCustomizer) (b *broker, err error) {
	ctx, cancel := context.WithTimeout(ctx, startsWithin)
	defer cancel()
	b = &broker{}
	if b.address, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if b.network, err = network.New(ctx); err != nil {
		return nil, fmt.Errorf("create a network: %w", err)
	}
	_, port, err := net.SplitHostPort(b.address)
	if err != nil {
		return nil, err
	}
	b.container, err = testcontainers.Run(ctx, kafkaImage, append([]testcontainers.ContainerCustomizer{
		testcontainers.WithExposedPorts(outsidePort),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.PortBindings = containers.PortMap{containers.MustParsePort(outsidePort): {{HostPort: port}}}
		}),
		network.WithNetwork([]string{brokerAlias}, b.network),
		testcontainers.WithEnv(b.environment()),
		testcontainers.WithWaitStrategy(wait.ForLog("Kafka Server started").WithStartupTimeout(startsWithin)),
	}, options...)...)
	if err != nil {
		_ = b.remove()
		return nil, fmt.Errorf("start %s: %w", kafkaImage, err)
	}
	return b, nil
}

// environment is the configuration of one broker that is its own controller.
func (b *broker) environment() map[string]string {
	return map[string]string{
		"KAFKA_NODE_ID":                        "1",
		"KAFKA_PROCESS_ROLES":                  "broker,controller",
		"KAFKA_CONTROLLER_QUORUM_VOTERS":       "1@localhost:9093",
		"KAFKA_CONTROLLER_LISTENER_NAMES":      "CONTROLLER",
		"KAFKA_INTER_BROKER_LISTENER_NAME":     "NETWORK",
		"KAFKA_LISTENERS":                      "HOST://:9092,CONTROLLER://:9093,NETWORK://:9094",
		"KAFKA_ADVERTISED_LISTENERS":           "HOST://" + b.address + ",NETWORK://" + brokerInside,
		"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "HOST:PLAINTEXT,CONTROLLER:PLAINTEXT,NETWORK:PLAINTEXT",

		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "1",
		"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":             "4",
		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
		"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "1",
		"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS":     "4",
		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         "0",
		"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":             strconv.FormatInt(sessionLength.Milliseconds(), 10),
		"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "false",
		"KAFKA_HEAP_OPTS":                                "-Xmx512m",
	}
}

func (b *broker) remove() error {
	err := testcontainers.TerminateContainer(b.container)
	if err == nil && b.network != nil {
		err = b.network.Remove(context.Background())
	}
	return err
}

// freeAddress returns an address of the engine's host that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return "", err
	}
	defer provider.Close()
	host, err := provider.DaemonHost(ctx)
	if err != nil {
		return "", fmt.Errorf("find the container engine's host: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port), err
}
