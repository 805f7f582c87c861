package kafka

import (
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// balancerName is the group protocol's name. All members of a group must offer it; changing it means that
// every instance of an application is stopped before one of the next version starts.
const balancerName = "millrace-tasks"

// balancer assigns tasks to the members of a group, cooperatively: task (i, p) is partition p of all topics of
// groups[i] that have one, and goes to one member as a whole.
// It remembers what its own client released last, so that each client needs one of its own.
type balancer struct {
	groups  [][]string
	groupOf map[string]int32 // by topic
	own     memberData       // what this client tells the leader; released changes with each sync
	joined  []task           // tasks owned as of the last JoinGroupMetadata
	logger  *slog.Logger
	// application is the group's name; "": members of others are not looked for.
	application string
	// refused is told what the application reads that has the group, where this client is of another one. It must not block.
	refused func(theirs []string)
}

// newBalancer returns the balancer of one client. Groups holds the names of the source topics of each sub-topology,
// no topic in two of them; process is the same for all clients of one process and for no other; hash is the topology's;
// capacity weighs this client against others, below 1 means 1.
func newBalancer(groups [][]string, process string, hash uint64, capacity int) kgo.GroupBalancer {
	b := &balancer{
		groups:  groups,
		groupOf: make(map[string]int32),
		logger:  slog.Default(),
		own:     memberData{process: process, hash: hash, capacity: min(max(capacity, 1), maxCapacity)},
	}
	for i, topics := range groups {
		for _, t := range topics {
			b.groupOf[t] = int32(i)
		}
	}
	return b
}

// ProtocolName implements [kgo.GroupBalancer].
func (*balancer) ProtocolName() string { return balancerName }

// IsCooperative implements [kgo.GroupBalancer].
func (*balancer) IsCooperative() bool { return true }

// JoinGroupMetadata implements [kgo.GroupBalancer]: Kafka's own metadata, with ours in its UserData.
func (b *balancer) JoinGroupMetadata(topics []string, owned map[string][]int32, generation int32) []byte {
	b.joined = b.tasks(owned)
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3
	meta.Topics = topics
	meta.Generation = generation
	meta.UserData = b.own.encode()
	for topic, partitions := range owned {
		o := kmsg.NewConsumerMemberMetadataOwnedPartition()
		o.Topic, o.Partitions = topic, partitions
		meta.OwnedPartitions = append(meta.OwnedPartitions, o)
	}
	slices.SortFunc(meta.OwnedPartitions, func(a, b kmsg.ConsumerMemberMetadataOwnedPartition) int {
		return strings.Compare(a.Topic, b.Topic)
	})
	return meta.AppendTo(nil)
}

// ParseSyncAssignment implements [kgo.GroupBalancer]. What the client owned at its join and does not own
// from now on is what the next join reports as released.
func (b *balancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	assigned, err := kgo.ParseConsumerSyncAssignment(assignment)
	if err != nil {
		return nil, err
	}
	var whole kmsg.ConsumerMemberAssignment
	if err := whole.ReadFrom(assignment); err == nil && b.refused != nil {
		if theirs, refused := refusal(whole.UserData); refused {
			b.refused(theirs)
		}
	}
	now := b.tasks(assigned)
	b.own.released = nil
	for _, t := range b.joined {
		if _, kept := slices.BinarySearchFunc(now, t, compareTasks); !kept {
			b.own.released = append(b.own.released, taskName{topic: b.groups[t.group][0], partition: t.partition})
		}
	}
	return assigned, nil
}

// MemberBalancer implements [kgo.GroupBalancer]. A member whose metadata is not readable at all
// is not one of ours: it gets nothing, and does not keep the others from being assigned.
func (b *balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	l := leader{balancer: b}
	var readable []kmsg.JoinGroupResponseMember
	for _, m := range members {
		var meta kmsg.ConsumerMemberMetadata
		if err := meta.ReadFrom(m.ProtocolMetadata); err != nil {
			b.logger.Warn("group member ignored: its metadata cannot be read", "member", m.MemberID, "error", err)
			l.ignored = append(l.ignored, m.MemberID)
			continue
		}
		readable = append(readable, m)
	}
	cb, err := kgo.NewConsumerBalancer(&l, readable)
	return cb, cb.MemberTopics(), err
}

// tasks returns the tasks that any of the partitions belongs to, sorted.
func (b *balancer) tasks(partitions map[string][]int32) []task {
	var out []task
	for topic, ps := range partitions {
		if i, known := b.groupOf[topic]; known {
			for _, p := range ps {
				out = append(out, task{group: i, partition: p})
			}
		}
	}
	slices.SortFunc(out, compareTasks)
	return slices.Compact(out)
}

// leader makes one assignment. It knows what the members sent, and nothing else.
type leader struct {
	*balancer
	ignored []string // ids of members that get nothing
}

// Balance implements [kgo.ConsumerBalancerBalance]. partitions holds the number of partitions by topic.
func (l *leader) Balance(cb *kgo.ConsumerBalancer, partitions map[string]int32) kgo.IntoSyncAssignment {
	plan := cb.NewPlan()
	for _, id := range l.ignored {
		plan.AsMemberIDMap()[id] = make(map[string][]int32)
	}
	var ids []*kmsg.JoinGroupResponseMember
	var metas []*kmsg.ConsumerMemberMetadata
	cb.EachMember(func(m *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		ids, metas = append(ids, m), append(metas, meta)
	})
	refused := l.refuse(&ids, &metas)
	if !l.leads(metas) { // of their topics this one knows nothing: they keep what they have
		for i, meta := range metas {
			for _, o := range meta.OwnedPartitions {
				for _, p := range o.Partitions {
					plan.AddPartition(ids[i], o.Topic, p)
				}
			}
		}
		return refusals{plan, refused}
	}
	a := assignment{tasks: make([]int32, len(l.groups))}
	for i, topics := range l.groups {
		for _, t := range topics {
			a.tasks[i] = max(a.tasks[i], partitions[t])
		}
	}
	for i, meta := range metas {
		a.members = append(a.members, l.member(ids[i].MemberID, meta, partitions))
	}
	for j, tasks := range a.now(a.target()) {
		for _, t := range tasks {
			for _, topic := range l.groups[t.group] {
				if t.partition < partitions[topic] {
					plan.AddPartition(ids[j], topic, t.partition)
				}
			}
		}
	}
	return refusals{plan, refused}
}

// member translates what a member sent. Our data in it may be unreadable: then the member counts as a process
// of its own, and what it owns still holds.
func (l *leader) member(id string, meta *kmsg.ConsumerMemberMetadata, partitions map[string]int32) member {
	data, err := decodeMemberData(meta.UserData)
	if err != nil {
		l.logger.Warn("group member counted as a process of its own: its data cannot be read", "member", id, "error", err)
		data = memberData{capacity: 1}
	}
	if data.process == "" {
		data.process = "member " + id
	}
	m := member{
		id: id, process: data.process, capacity: data.capacity, generation: meta.Generation,
		eligible: make([]bool, len(l.groups)),
	}
	for i, topics := range l.groups {
		m.eligible[i] = len(topics) > 0
		for _, t := range topics {
			if _, subscribed := slices.BinarySearch(meta.Topics, t); !subscribed {
				m.eligible[i] = false
			}
		}
	}
	m.claims = l.claims(meta, partitions)
	for _, t := range data.released {
		if i, known := l.groupOf[t.topic]; known {
			m.released = append(m.released, task{group: i, partition: t.partition})
		}
	}
	return m
}

// claims returns the tasks of which a member owns any partition.
func (l *leader) claims(meta *kmsg.ConsumerMemberMetadata, partitions map[string]int32) []claim {
	owned := make(map[task]int) // partitions of the task
	for _, o := range meta.OwnedPartitions {
		if i, known := l.groupOf[o.Topic]; known {
			for _, p := range o.Partitions {
				owned[task{group: i, partition: p}]++
			}
		}
	}
	var out []claim
	for _, t := range slices.SortedFunc(maps.Keys(owned), compareTasks) {
		exist := 0
		for _, topic := range l.groups[t.group] {
			if t.partition < partitions[topic] {
				exist++
			}
		}
		out = append(out, claim{task: t, whole: owned[t] >= exist})
	}
	return out
}
