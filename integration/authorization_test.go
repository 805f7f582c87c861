package integration

import (
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// asks makes the broker ask for user and password, and for what they may do. The user admin may do everything.
var asks = map[string]string{
	"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":             "HOST:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT,NETWORK:PLAINTEXT",
	"KAFKA_LISTENER_NAME_HOST_SASL_ENABLED_MECHANISMS": "PLAIN",
	"KAFKA_LISTENER_NAME_HOST_PLAIN_SASL_JAAS_CONFIG":  `org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="secret" user_app="secret";`,
	"KAFKA_AUTHORIZER_CLASS_NAME":                      "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
	"KAFKA_SUPER_USERS":                                "User:admin;User:ANONYMOUS",
}

func login(user, password string) kgo.Opt {
	return kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())
}

// TestWhatIsNotAllowedIsNamed gives an application one permission after the other: without each it stops and says which.
func TestWhatIsNotAllowedIsNamed(t *testing.T) {
	t.Parallel() // most of it is waiting
	b := ownBroker(t, testcontainers.WithEnv(asks))
	b.auth = []kgo.Opt{login("admin", "secret")}
	c := b.open(t, 3*time.Minute)
	from, to := c.topic("lines", 2), c.topic("counts", 2)
	lines := newText(10).lines(100)
	c.lines(from, 2, lines)
	as := func(password string) framework.Config {
		return framework.Config{Bounded: true, Workers: 1, Connectors: []connector.Connector{kafka.New(kafka.Config{
			Brokers: []string{b.address}, Options: []kgo.Opt{login("app", password)},
		})}}
	}
	allow := func(what *kadm.ACLBuilder, operations ...kadm.ACLOperation) {
		t.Helper()
		created, err := c.admin.CreateACLs(c.ctx, what.Allow("User:app").AllowHosts().ResourcePatternType(kadm.ACLPatternLiteral).Operations(operations...))
		c.must(err)
		for _, r := range created {
			c.must(r.Err)
		}
	}
	app := countWords(from, to)
	internal := []string{c.name + "-counts-repartition", c.name + "-counts-changelog"}
	c.refused(as("wrong"), app, 1, b.address, "SASL_AUTHENTICATION_FAILED", "check user and password")
	c.refused(as("secret"), app, 4, "topic "+from, "topic "+to, "topic "+internal[0], "topic "+internal[1], "TOPIC_AUTHORIZATION_FAILED", "allow this user to")
	allow(kadm.NewACLs().Topics(from, to), kadm.OpRead)
	c.refused(as("secret"), app, 2, "topic "+internal[0], "topic "+internal[1], "TOPIC_AUTHORIZATION_FAILED", "allow this user to")
	allow(kadm.NewACLs().Topics(internal...), kadm.OpDescribe)
	c.refused(as("secret"), app, 1, "group "+c.name, "GROUP_AUTHORIZATION_FAILED", "allow this user to read the group")
	allow(kadm.NewACLs().Groups(c.name), kadm.OpDescribe)
	c.refused(as("secret"), app, 2, "create topic "+internal[0], "create topic "+internal[1], "TOPIC_AUTHORIZATION_FAILED", "allow this user to")
	allow(kadm.NewACLs().Topics(internal...), kadm.OpCreate, kadm.OpRead, kadm.OpWrite, kadm.OpDelete)
	c.refused(as("secret"), app, 1, "group "+c.name, "GROUP_AUTHORIZATION_FAILED", "allow this user to read the group")
	allow(kadm.NewACLs().Groups(c.name), kadm.OpRead)
	c.refused(as("secret"), app, 1, "write to topic "+to, "TOPIC_AUTHORIZATION_FAILED", "allow this user to")
	allow(kadm.NewACLs().Topics(to), kadm.OpWrite)
	c.must(c.run(as("secret"), app).result())
	got := c.counts(to)
	if ok, _ := got.reach(batchCount(lines...))(); !ok {
		t.Error("counts are too low after what was missing was allowed")
	}
}
