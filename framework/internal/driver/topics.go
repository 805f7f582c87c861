package driver

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/millrace/millrace/framework/connector"
)

// neverExpire keeps records until they are purged or compacted away.
var never = map[string]string{
	"retention.ms":                   "-1",
	"message.timestamp.after.max.ms": strconv.FormatInt(1<<63-1, 10), // records carry event time, which may lie ahead
	"message.timestamp.type":         "CreateTime",
}

// RepartitionSpec is the policy of a repartition topic: nothing expires, consumed records are purged.
func RepartitionSpec(name string) connector.TopicSpec {
	return connector.TopicSpec{Name: name, Configs: with(never, "cleanup.policy", "delete"), Role: connector.RoleRepartition}
}

// ChangelogSpec is the policy of a changelog: compacted only, never deleted by time, since event time of old data would
// delete what is still state.
func ChangelogSpec(name string) connector.TopicSpec {
	return connector.TopicSpec{Name: name, Configs: with(never, "cleanup.policy", "compact"), Role: connector.RoleChangelog}
}

func with(configs map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range configs {
		out[k] = v
	}
	return out
}

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,100}$`)

// CheckName says whether a name can be part of a topic's name.
func CheckName(name string) error {
	switch {
	case name == "":
		return errors.New("it has no name")
	case name == "." || name == "..":
		return fmt.Errorf("%q is no name, but a folder", name)
	case !nameRule.MatchString(name):
		return errors.New("a name of an application, store or repartition is part of topic names: 1 to 100 of a-z, A-Z, 0-9, '.', '_' and '-'")
	}
	return nil
}
