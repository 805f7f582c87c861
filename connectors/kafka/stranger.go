package kafka

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A group is one application's. Members of another one that has the same name would wait for ever, since the leader knows none of its
// topics; where both write a store of one name, they would even mix their state. So the leader tells them, in the UserData of their
// assignment, what the application reads that has the group, and they end.
//
// One application are members that share a source, directly or through others: a version that adds or drops sources is still the same one.
// Internal topics do not count, since their names follow from the application's.

// applications tells members of several applications apart: it returns a number for each of them, equal for those of one.
func (b *balancer) applications(members []*kmsg.ConsumerMemberMetadata) []int {
	of := make([]int, len(members))
	for i := range members {
		of[i] = i
		for j := range i {
			if of[j] != of[i] && b.related(members[i].Topics, members[j].Topics) {
				from, to := of[i], of[j]
				for k := range i + 1 {
					if of[k] == from {
						of[k] = to
					}
				}
			}
		}
	}
	return of
}

// related says that two members share a source. One without any is everybody's.
func (b *balancer) related(x, y []string) bool {
	x, y = b.external(x), b.external(y)
	return len(x) == 0 || len(y) == 0 || slices.ContainsFunc(x, func(topic string) bool { return slices.Contains(y, topic) })
}

// external returns the topics that are not the application's own, in order.
func (b *balancer) external(topics []string) []string {
	topics = slices.DeleteFunc(slices.Clone(topics), func(topic string) bool {
		return strings.HasPrefix(topic, b.application+"-") && strings.HasSuffix(topic, "-repartition")
	})
	slices.Sort(topics)
	return topics
}

// refuse takes those out that are not of the application that has the group, and returns what that one reads, by id of the refused. It is
// the one that owns most partitions; the leader's where that is no less.
func (l *leader) refuse(ids *[]*kmsg.JoinGroupResponseMember, metas *[]*kmsg.ConsumerMemberMetadata) map[string][]string {
	if l.application == "" {
		return nil
	}
	of := l.applications(*metas)
	owned, leads := map[int]int{}, map[int]bool{}
	for i, m := range *metas {
		for _, o := range m.OwnedPartitions {
			owned[of[i]] += len(o.Partitions)
		}
		leads[of[i]] = leads[of[i]] || l.related(l.sources(), m.Topics)
	}
	has := slices.MaxFunc(of, func(x, y int) int {
		switch {
		case owned[x] != owned[y]:
			return owned[x] - owned[y]
		case leads[x] == leads[y]:
			return 0
		case leads[x]:
			return 1
		}
		return -1
	})
	var reads []string
	for i, m := range *metas {
		if of[i] == has {
			reads = append(reads, l.external(m.Topics)...)
		}
	}
	slices.Sort(reads)
	reads = slices.Compact(reads)
	refused := map[string][]string{}
	var stayIDs []*kmsg.JoinGroupResponseMember
	var stay []*kmsg.ConsumerMemberMetadata
	for i, m := range *metas {
		if of[i] == has {
			stayIDs, stay = append(stayIDs, (*ids)[i]), append(stay, m)
			continue
		}
		id := (*ids)[i].MemberID
		refused[id] = reads
		l.logger.Warn("another application joined the group under the same name, and is refused: give it another name",
			"group", l.application, "member", id, "it reads", topicList(l.external(m.Topics)), "this one reads", topicList(reads))
	}
	*ids, *metas = stayIDs, stay
	return refused
}

// leads says that the members are of the leader's application.
func (l *leader) leads(members []*kmsg.ConsumerMemberMetadata) bool {
	return l.application == "" || slices.ContainsFunc(members, func(m *kmsg.ConsumerMemberMetadata) bool { return l.related(l.sources(), m.Topics) })
}

// sources returns the topics that the client reads and that are not the application's own.
func (b *balancer) sources() []string { return b.external(slices.Concat(b.groups...)) }

// refusals is a plan in which some members are told that another application has the group.
type refusals struct {
	plan kgo.IntoSyncAssignment
	by   map[string][]string // what that one reads, by id of the refused member
}

// IntoSyncAssignment implements [kgo.IntoSyncAssignment].
func (r refusals) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment {
	all := r.plan.IntoSyncAssignment()
	for i := range all {
		if reads, refused := r.by[all[i].MemberID]; refused {
			a := kmsg.NewConsumerMemberAssignment()
			a.UserData = appendRefusal(nil, reads)
			all[i].MemberAssignment = a.AppendTo(nil)
		}
	}
	return all
}

// refusalVersion is the version that this program writes: a version byte, then the topics, each as its length and its bytes. A later one
// may append to them.
const refusalVersion = 1

func appendRefusal(b []byte, reads []string) []byte {
	b = binary.AppendUvarint(append(b, refusalVersion), uint64(len(reads)))
	for _, topic := range reads {
		b = appendField(b, []byte(topic))
	}
	return b
}

// refusal returns what the application reads that has the group, where an assignment says so.
func refusal(userData []byte) (reads []string, refused bool) {
	if len(userData) == 0 || userData[0] == 0 {
		return nil, false
	}
	r := reader{b: userData[1:]}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		reads = append(reads, string(r.bytes()))
	}
	return reads, true
}

// strangerError is what an application ends with whose name another one has that runs.
func strangerError(group string, theirs, ours []string) error {
	return fmt.Errorf("another application runs under the name %s: it reads %s, this one reads %s; give one of them another name, or, where this is its next version, stop the former one first",
		group, topicList(theirs), topicList(ours))
}

// mostListed is how many topics a line names.
const mostListed = 5

func topicList(topics []string) string {
	if n := len(topics) - mostListed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(topics[:mostListed], ", "), n)
	}
	return strings.Join(topics, ", ")
}
