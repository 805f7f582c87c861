package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type admin struct {
	*kadm.Client
	client *kgo.Client
}

func newAdmin(cl *kgo.Client) *admin { return &admin{kadm.NewClient(cl), cl} }

func (a *admin) Close() error {
	a.Client.Close()
	return nil
}

// busyTime is how long brokers may be busy with what a start asks for.
const busyTime = 30 * time.Second

// whileBusy tries again while brokers are busy or choose a leader.
func whileBusy(ctx context.Context, try func() error) error {
	bounded, cancel := context.WithTimeout(ctx, busyTime)
	defer cancel()
	for {
		err := try()
		if err == nil || !errors.Is(temporary(err), connector.ErrTemporary) {
			return err
		}
		select {
		case <-time.After(tryEvery):
		case <-bounded.Done():
			return err
		}
	}
}

func (a *admin) Topics(ctx context.Context, topics []connector.TopicSpec) (infos []connector.TopicInfo, err error) {
	if len(topics) == 0 {
		return nil, nil
	}
	err = whileBusy(ctx, func() error {
		infos, err = a.describe(ctx, topics)
		return err
	})
	return infos, err
}

func (a *admin) describe(ctx context.Context, topics []connector.TopicSpec) ([]connector.TopicInfo, error) {
	// Not kadm's ListTopics: where one topic may not be described it fails without saying which.
	ask := kmsg.NewPtrMetadataRequest()
	at := map[string]int{}
	infos := make([]connector.TopicInfo, len(topics))
	for i, topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &topic.Name
		ask.Topics = append(ask.Topics, t)
		at[topic.Name], infos[i].Name = i, topic.Name
	}
	answer, err := ask.RequestWith(ctx, a.client)
	if err != nil {
		return nil, temporary(fmt.Errorf("describe topics: %w", err))
	}
	faults := make([]error, len(topics))
	for _, t := range answer.Topics {
		if t.Topic == nil {
			continue
		}
		i := at[*t.Topic]
		infos[i].Partitions = int32(len(t.Partitions))
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			faults[i] = explain(fmt.Errorf("topic %s: %w", *t.Topic, err))
		}
	}
	return infos, errors.Join(faults...)
}

func (a *admin) Create(ctx context.Context, topics []connector.TopicSpec) error {
	var faults []error
	for _, t := range topics {
		replication := t.Replication
		if replication == 0 {
			replication = -1 // the brokers' default
		}
		configs := map[string]*string{}
		for k, v := range t.Configs {
			configs[k] = &v
		}
		var r kadm.CreateTopicResponse
		err := whileBusy(ctx, func() (err error) {
			r, err = a.CreateTopic(ctx, t.Partitions, replication, configs, t.Name)
			return err
		})
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
			continue // another instance was faster
		}
		if r.ErrMessage != "" {
			err = fmt.Errorf("%w: %s", err, r.ErrMessage)
		}
		faults = append(faults, explain(fmt.Errorf("create topic %s with %d partitions: %w", t.Name, t.Partitions, err)))
	}
	return errors.Join(faults...)
}

func (a *admin) Ends(ctx context.Context, names []string) ([][]int64, error) {
	listed, err := a.ListCommittedOffsets(ctx, names...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, temporary(fmt.Errorf("list the ends of topics: %w", err))
	}
	ends := make([][]int64, len(names))
	for i, name := range names {
		ends[i] = make([]int64, len(listed[name]))
		for p, o := range listed[name] {
			ends[i][p] = o.Offset
		}
	}
	return ends, nil
}

func (a *admin) Committed(ctx context.Context, group string, names []string) ([][]connector.Position, error) {
	found, err := a.FetchOffsetsForTopics(ctx, group, names...)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return a.nothing(ctx, names)
	}
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return nil, temporary(fmt.Errorf("fetch the offsets of group %s: %w", group, err))
	}
	committed := make([][]connector.Position, len(names))
	for i, name := range names {
		committed[i] = make([]connector.Position, len(found[name]))
		for p, o := range found[name] {
			committed[i][p] = connector.Position{Offset: o.At, Metadata: o.Metadata}
		}
	}
	return committed, nil
}

// Owners asks for the members. While the group is being rebalanced what they had before does not count.
func (a *admin) Owners(ctx context.Context, group string) (map[string]map[int32]string, error) {
	all, err := a.DescribeGroups(ctx, group)
	if err == nil {
		err = all.Error()
	}
	if err != nil {
		return nil, temporary(fmt.Errorf("describe group %s: %w", group, err))
	}
	owners := map[string]map[int32]string{}
	if all[group].State != "Stable" {
		return owners, nil
	}
	for _, m := range all[group].Members {
		meta, ok := m.Join.AsConsumer()
		assigned, has := m.Assigned.AsConsumer()
		if !ok || !has {
			continue // it is not one of ours
		}
		data, err := decodeMemberData(meta.UserData)
		if err != nil {
			continue
		}
		for _, t := range assigned.Topics {
			if owners[t.Topic] == nil {
				owners[t.Topic] = map[int32]string{}
			}
			for _, p := range t.Partitions {
				owners[t.Topic][p] = data.process
			}
		}
	}
	return owners, nil
}

// nothing is what a group has committed that is not there.
func (a *admin) nothing(ctx context.Context, names []string) ([][]connector.Position, error) {
	topics := make([]connector.TopicSpec, len(names))
	for i, name := range names {
		topics[i].Name = name
	}
	infos, err := a.describe(ctx, topics)
	if err != nil {
		return nil, err
	}
	committed := make([][]connector.Position, len(names))
	for i, info := range infos {
		for range info.Partitions {
			committed[i] = append(committed[i], connector.Position{Offset: -1})
		}
	}
	return committed, nil
}
