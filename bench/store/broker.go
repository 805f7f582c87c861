package main

import (
	"context"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/wait"
)

const image = "apache/kafka:4.1.0"

// joinDelay is how long the broker waits for more members when the first one joins an empty group. Kafka's default is 3 s, which is
// added to the start of every application alone in its group.
const joinDelay = 500 * time.Millisecond

// broker is one Kafka broker in a container, the same as in bench/kafka.
type broker struct {
	addr      string
	container testcontainers.Container
}

// startBroker starts a broker on the host's own network: a forwarded port would send every byte through one more process.
func startBroker(ctx context.Context) (*broker, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	controller, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log.SetDefault(stdlog.New(io.Discard, "", 0))
	c, err := testcontainers.Run(ctx, image,
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.NetworkMode = "host"
			h.Tmpfs = map[string]string{"/logs": ""} // the folders of stores are what the disk is to be used for
		}),
		testcontainers.WithEnv(map[string]string{
			"KAFKA_LOG_DIRS":                       "/logs",
			"KAFKA_NODE_ID":                        "1",
			"KAFKA_PROCESS_ROLES":                  "broker,controller",
			"KAFKA_CONTROLLER_QUORUM_VOTERS":       "1@" + controller,
			"KAFKA_CONTROLLER_LISTENER_NAMES":      "CONTROLLER",
			"KAFKA_LISTENERS":                      "PLAINTEXT://" + addr + ",CONTROLLER://" + controller,
			"KAFKA_ADVERTISED_LISTENERS":           "PLAINTEXT://" + addr,
			"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",

			"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "1",
			"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
			"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "1",
			"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         fmt.Sprint(joinDelay.Milliseconds()),
		}),
		testcontainers.WithWaitStrategy(wait.ForLog("Kafka Server started").WithStartupTimeout(2*time.Minute)),
	)
	b := &broker{addr: addr, container: c}
	if err != nil {
		_ = b.stop()
		return nil, fmt.Errorf("start %s: %w (or name a broker with -brokers)", image, err)
	}
	fmt.Printf("broker: %s at %s, which waits %v for members of an empty group\n", image, addr, joinDelay)
	return b, nil
}

func (b *broker) stop() error { return testcontainers.TerminateContainer(b.container) }

// freeAddress returns an address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
