// Package broker runs a Kafka broker in a container for benchmarks.
package broker

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

// JoinDelay is how long the broker waits for more members when the first one joins an empty group, so that members that start together
// join together. Kafka's default is 3 s, which is added to the start of every application alone in its group.
const JoinDelay = 500 * time.Millisecond

// Broker is one Kafka broker in a container.
type Broker struct {
	Addr      string
	container testcontainers.Container
}

// Start starts a broker on the host's own network: a forwarded port would send every byte through one more process, on the cores that
// are to be measured. inMemory has it keep its log there, where the disk is what is to be measured.
func Start(ctx context.Context, inMemory bool) (*Broker, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	controller, err := freeAddress()
	if err != nil {
		return nil, err
	}
	log.SetDefault(stdlog.New(io.Discard, "", 0))
	env := map[string]string{
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
		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         fmt.Sprint(JoinDelay.Milliseconds()),
	}
	tmpfs := map[string]string{}
	if inMemory {
		env["KAFKA_LOG_DIRS"] = "/logs"
		tmpfs["/logs"] = ""
	}
	c, err := testcontainers.Run(ctx, image,
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.NetworkMode, h.Tmpfs = "host", tmpfs }),
		testcontainers.WithEnv(env),
		testcontainers.WithWaitStrategy(wait.ForLog("Kafka Server started").WithStartupTimeout(2*time.Minute)),
	)
	b := &Broker{Addr: addr, container: c}
	if err != nil {
		_ = b.Stop()
		return nil, fmt.Errorf("start %s: %w (or name a broker with -brokers)", image, err)
	}
	fmt.Printf("broker: %s at %s, which waits %v for members of an empty group\n", image, addr, JoinDelay)
	return b, nil
}

// Stop stops the broker and removes all that it has.
func (b *Broker) Stop() error { return testcontainers.TerminateContainer(b.container) }

// freeAddress returns an address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
