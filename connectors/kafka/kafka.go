// Package kafka connects topologies with Kafka, through franz-go. It needs brokers of version 2.4 or later.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const kind = "kafka"

// Config says which cluster to talk to and how.
type Config struct {
	// Brokers are the addresses host:port to begin with; one that answers is enough.
	Brokers []string
	// Options are passed to each client as they are, after the connector's own: authentication, TLS, tuning.
	// Options that say what is consumed, or in which group, are the framework's.
	Options []kgo.Opt
	// DialTimeout bounds how long the start tries to reach a broker; 0: 10 s. Where every address refuses the connection
	// the start gives up at once.
	DialTimeout time.Duration
}

// New returns a connector for framework.Config.Connectors. It connects when the application runs.
func New(c Config) connector.Connector { return &cluster{c} }

// Topic returns a topic of a Kafka cluster with the codecs of its keys and values. Without options the topic must exist.
func Topic[K comparable, V any](name string, keys codec.Codec[K], values codec.Codec[V], options ...Option) framework.Topic[K, V] {
	spec := connector.TopicSpec{Name: name}
	for _, o := range options {
		o(&spec)
	}
	return framework.NewTopic(connector.Factory{Kind: kind, Check: checkName, New: fromEnvironment}, spec, keys, values)
}

// Option is an option of a topic.
type Option func(*connector.TopicSpec)

// Partitions lets the application create the topic with n partitions where it does not exist.
func Partitions(n int) Option { return func(s *connector.TopicSpec) { s.Partitions = int32(n) } }

// Replication is the number of replicas of a topic that the application creates; without it the brokers' default.
func Replication(n int) Option { return func(s *connector.TopicSpec) { s.Replication = int16(n) } }

// Setting is a setting of a topic that the application creates, by Kafka's name.
func Setting(name, value string) Option {
	return func(s *connector.TopicSpec) {
		if s.Configs == nil {
			s.Configs = map[string]string{}
		}
		s.Configs[name] = value
	}
}

// fromEnvironment makes the connector for framework.Main.
func fromEnvironment(getenv func(string) string) (connector.Connector, error) {
	brokers := getenv("KAFKA_BROKERS")
	if brokers == "" {
		return nil, errors.New("KAFKA_BROKERS is not set: give it the addresses of brokers, host:port,host:port")
	}
	return New(Config{Brokers: strings.Split(brokers, ",")}), nil
}

type cluster struct{ config Config }

func (c *cluster) Kind() string { return kind }

// Capabilities: what is written and committed is the cluster's, for all processes of a group.
func (c *cluster) Capabilities() connector.Capabilities {
	return connector.Capabilities{Transactional: true, Durable: true, Shared: true}
}

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// checkName says what is wrong with a topic's name.
func checkName(name string) error {
	if !nameRule.MatchString(name) || name == "." || name == ".." {
		return errors.New("1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'")
	}
	return nil
}

// Admin connects and checks that a broker answers.
func (c *cluster) Admin(ctx context.Context) (connector.Admin, error) {
	if len(c.config.Brokers) == 0 {
		return nil, errors.New("no brokers are given: set kafka.Config.Brokers")
	}
	cl, err := c.client()
	if err != nil {
		return nil, err
	}
	timeout := c.config.DialTimeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	dial, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	inTime := context.AfterFunc(dial, cl.Close) // it ends a Ping whose context has ended while a new connection stays silent
	err = cl.Ping(dial)
	if !inTime() && err == nil {
		err = dial.Err()
	}
	if err != nil {
		cl.Close()
		if errors.Is(err, kerr.SaslAuthenticationFailed) {
			return nil, fmt.Errorf("log in at %s: %w", strings.Join(c.config.Brokers, ","), explain(err))
		}
		return nil, fmt.Errorf("no broker answers at %s: %w; check the addresses, and that the brokers run",
			strings.Join(c.config.Brokers, ","), err)
	}
	return newAdmin(cl), nil
}

// client makes a client with the connector's options, then these, then the user's.
func (c *cluster) client(options ...kgo.Opt) (*kgo.Client, error) {
	all := append([]kgo.Opt{
		kgo.SeedBrokers(c.config.Brokers...),
		kgo.MaxDecompressBatchBytes(64 << 20),
		kgo.MetadataMinAge(250 * time.Millisecond), // topics were created a moment ago
		// A member hears of a rebalance by its heartbeat. It is set for clients without group, too: there as well
		// it must be below a session time-out that the user sets.
		kgo.HeartbeatInterval(300 * time.Millisecond),
	}, options...)
	cl, err := kgo.NewClient(append(all, c.config.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("configure the Kafka client: %w", err)
	}
	return cl, nil
}
