//go:build synctests

package kafka

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

var (
	codeOccurrences = flag.Int("codes.occurrences", 1, "answer the 1st to this request of each kind with each error code, one a run")
	codeOnly        = flag.String("codes.only", "", "only the combinations whose name has this in it")
	codePrint       = flag.Bool("codes.print", false, "print what each combination came to")
)

// answers are the error codes that Kafka 4.1 may answer a kind of request with, as its sources say (the comments of the answers' classes in
// org.apache.kafka.common.requests, and what the coordinators of groups and transactions return).
type answers struct {
	key    kmsg.Key
	writes bool // then each code comes after the request was done, too
	top    []*kerr.Error
	inside []*kerr.Error // of topics, partitions, groups, members
}

var (
	coordinator = []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator}
	reading     = []*kerr.Error{
		kerr.TopicAuthorizationFailed, kerr.ReplicaNotAvailable, kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.UnknownTopicOrPartition, kerr.KafkaStorageError, kerr.UnknownServerError,
	}
	producer = []*kerr.Error{kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.InvalidProducerEpoch, kerr.TransactionalIDAuthorizationFailed}
)

// documented has every kind of request that an application sends. A member's first JoinGroup is answered with MEMBER_ID_REQUIRED in each run.
var documented = []answers{
	{key: kmsg.Produce, writes: true, inside: with(producer,
		kerr.CorruptMessage, kerr.UnknownTopicOrPartition, kerr.NotLeaderForPartition, kerr.MessageTooLarge, kerr.InvalidTopicException,
		kerr.RecordListTooLarge, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.InvalidRequiredAcks,
		kerr.TopicAuthorizationFailed, kerr.UnsupportedForMessageFormat, kerr.ClusterAuthorizationFailed, kerr.InvalidRecord,
		kerr.InvalidTimestamp, kerr.UnsupportedCompressionType, kerr.PolicyViolation, kerr.OutOfOrderSequenceNumber, kerr.DuplicateSequenceNumber,
		kerr.UnknownProducerID, kerr.ConcurrentTransactions, kerr.TransactionAbortable, kerr.ProducerFenced, kerr.RequestTimedOut,
		kerr.KafkaStorageError, kerr.UnknownTopicID, kerr.UnknownServerError)},
	{
		key: kmsg.Fetch,
		top: []*kerr.Error{kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.FetchSessionTopicIDError, kerr.UnknownServerError},
		inside: with(reading, kerr.OffsetOutOfRange, kerr.UnsupportedCompressionType, kerr.CorruptMessage, kerr.UnknownTopicID,
			kerr.InconsistentTopicID, kerr.ThrottlingQuotaExceeded),
	},
	{key: kmsg.ListOffsets, inside: with(reading, kerr.UnsupportedForMessageFormat, kerr.LeaderNotAvailable, kerr.OffsetNotAvailable, kerr.RequestTimedOut)},
	{key: kmsg.Metadata, inside: []*kerr.Error{
		kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable, kerr.InvalidTopicException, kerr.TopicAuthorizationFailed, kerr.UnknownTopicID,
	}},
	{key: kmsg.OffsetCommit, writes: true, inside: with(coordinator,
		kerr.UnknownTopicOrPartition, kerr.RequestTimedOut, kerr.OffsetMetadataTooLarge, kerr.IllegalGeneration, kerr.UnknownMemberID,
		kerr.RebalanceInProgress, kerr.InvalidCommitOffsetSize, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.FencedInstanceID,
		kerr.InvalidGroupID, kerr.GroupIDNotFound, kerr.StaleMemberEpoch, kerr.UnknownServerError)},
	{key: kmsg.OffsetFetch, inside: []*kerr.Error{kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.UnstableOffsetCommit}},
	{key: kmsg.FindCoordinator, inside: []*kerr.Error{
		kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed,
		kerr.InvalidRequest, kerr.UnknownServerError,
	}},
	{key: kmsg.JoinGroup, writes: true, top: with(coordinator,
		kerr.InconsistentGroupProtocol, kerr.UnknownMemberID, kerr.InvalidSessionTimeout, kerr.GroupAuthorizationFailed, kerr.GroupMaxSizeReached,
		kerr.InvalidGroupID, kerr.FencedInstanceID, kerr.RebalanceInProgress, kerr.UnknownServerError)},
	{key: kmsg.SyncGroup, writes: true, top: with(coordinator,
		kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.GroupAuthorizationFailed, kerr.FencedInstanceID,
		kerr.InconsistentGroupProtocol, kerr.InvalidGroupID, kerr.UnknownServerError)},
	{key: kmsg.Heartbeat, top: with(coordinator,
		kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.GroupAuthorizationFailed, kerr.FencedInstanceID,
		kerr.InvalidGroupID, kerr.UnknownServerError)},
	{
		key: kmsg.LeaveGroup, writes: true, top: with(coordinator, kerr.GroupAuthorizationFailed, kerr.InvalidGroupID, kerr.UnknownServerError),
		inside: []*kerr.Error{kerr.FencedInstanceID, kerr.UnknownMemberID},
	},
	{key: kmsg.ApiVersions, top: []*kerr.Error{kerr.UnsupportedVersion}},
	{key: kmsg.CreateTopics, writes: true, inside: []*kerr.Error{
		kerr.RequestTimedOut, kerr.InvalidTopicException, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.TopicAlreadyExists,
		kerr.InvalidPartitions, kerr.InvalidReplicationFactor, kerr.InvalidConfig, kerr.NotController, kerr.InvalidRequest, kerr.PolicyViolation,
		kerr.ThrottlingQuotaExceeded, kerr.UnknownServerError,
	}},
	{key: kmsg.DeleteRecords, writes: true, inside: []*kerr.Error{
		kerr.OffsetOutOfRange, kerr.TopicAuthorizationFailed, kerr.UnknownTopicOrPartition, kerr.NotLeaderForPartition, kerr.PolicyViolation,
		kerr.RequestTimedOut, kerr.KafkaStorageError, kerr.UnknownServerError,
	}},
	{key: kmsg.InitProducerID, writes: true, top: with(coordinator,
		kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.InvalidProducerEpoch, kerr.ProducerFenced,
		kerr.ConcurrentTransactions, kerr.InvalidTransactionTimeout, kerr.InvalidRequest, kerr.UnknownServerError)},
	{key: kmsg.TxnOffsetCommit, writes: true, inside: with(coordinator,
		kerr.InvalidProducerEpoch, kerr.OffsetMetadataTooLarge, kerr.GroupAuthorizationFailed, kerr.InvalidCommitOffsetSize,
		kerr.TransactionalIDAuthorizationFailed, kerr.UnsupportedForMessageFormat, kerr.RequestTimedOut, kerr.UnknownMemberID, kerr.FencedInstanceID,
		kerr.IllegalGeneration, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.RebalanceInProgress, kerr.InvalidGroupID,
		kerr.ProducerFenced, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.ConcurrentTransactions, kerr.TransactionAbortable,
		kerr.StaleMemberEpoch, kerr.UnknownServerError)},
	{key: kmsg.EndTxn, writes: true, top: with(with(coordinator, producer...), kerr.ProducerFenced, kerr.ConcurrentTransactions, kerr.TransactionAbortable, kerr.UnknownServerError)},
	{key: kmsg.GetTelemetrySubscriptions, top: []*kerr.Error{kerr.InvalidRequest, kerr.UnsupportedVersion, kerr.ThrottlingQuotaExceeded, kerr.UnknownServerError}},
	{key: kmsg.PushTelemetry, top: []*kerr.Error{
		kerr.InvalidRequest, kerr.UnsupportedVersion, kerr.UnknownSubscriptionID, kerr.TelemetryTooLarge, kerr.UnsupportedCompressionType,
		kerr.ThrottlingQuotaExceeded, kerr.InvalidRecord, kerr.UnknownServerError,
	}},
}

// documentedBefore has what is sent to brokers before 4.0 only.
var documentedBefore = []answers{
	{key: kmsg.AddPartitionsToTxn, writes: true, inside: with(with(coordinator, producer...),
		kerr.ProducerFenced, kerr.TopicAuthorizationFailed, kerr.UnknownTopicOrPartition, kerr.ConcurrentTransactions, kerr.OperationNotAttempted)},
	{key: kmsg.AddOffsetsToTxn, writes: true, top: with(with(coordinator, producer...),
		kerr.ProducerFenced, kerr.GroupAuthorizationFailed, kerr.ConcurrentTransactions)},
}

func with(codes []*kerr.Error, more ...*kerr.Error) []*kerr.Error { return slices.Concat(codes, more) }

// mend are codes that somebody has to do something about: only they may end an application.
var mend = []*kerr.Error{
	kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed, kerr.ClusterAuthorizationFailed,
	kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTopicException, kerr.InvalidRequiredAcks, kerr.UnsupportedForMessageFormat,
	kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.UnsupportedCompressionType, kerr.PolicyViolation, kerr.OffsetMetadataTooLarge,
	kerr.InvalidCommitOffsetSize, kerr.OffsetOutOfRange, kerr.InvalidGroupID, kerr.InconsistentGroupProtocol, kerr.InvalidSessionTimeout,
	kerr.GroupMaxSizeReached, kerr.InvalidPartitions, kerr.InvalidReplicationFactor, kerr.InvalidConfig, kerr.InvalidTransactionTimeout,
	kerr.InvalidRequest, kerr.UnknownServerError, kerr.CorruptMessage,
}

// TestEveryErrorCodeToEveryRequestLeavesTheCountsExact answers one request of an exactly-once word count with an error, once for each kind of
// request and each code. The counts are exact then, and an instance ends only where somebody has to mend something, with an error that says what.
func TestEveryErrorCodeToEveryRequestLeavesTheCountsExact(t *testing.T) {
	for _, version := range []struct {
		name     string
		versions *kversion.Versions
		answers  []answers
	}{
		{"Kafka 4.1", kversion.V4_1_0(), documented},
		{"Kafka 3.9", kversion.V3_9_0(), documentedBefore},
	} {
		t.Run(version.name, func(t *testing.T) {
			whole := answer(t, version.versions, nil)
			if whole == nil || len(whole.ends) > 0 || t.Failed() {
				t.Fatalf("without a fault: %+v", whole)
			}
			sent := whole.tap.sent
			table := version.answers
			for _, of := range table {
				if sent[of.key] == 0 {
					t.Errorf("%s is in the table and is not sent", kmsg.NameForKey(int16(of.key)))
				}
				delete(sent, of.key)
			}
			if version.versions.Equal(kversion.V4_1_0()) {
				for key := range sent {
					t.Errorf("%s is sent and is not in the table", kmsg.NameForKey(int16(key)))
				}
			}
			tryAll(t, version.versions, combinations(table))
		})
	}
}

// combinations are all wrong answers of a table.
func combinations(table []answers) (all []wrongAnswer) {
	for _, of := range table {
		for at := range *codeOccurrences {
			for _, applied := range []bool{true, false} {
				if !applied && !of.writes {
					continue // that it was done is seen by nobody
				}
				for _, code := range of.top {
					all = append(all, wrongAnswer{of.key, code, false, applied, at + 1})
				}
				for _, code := range of.inside {
					all = append(all, wrongAnswer{of.key, code, true, applied, at + 1})
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(a wrongAnswer) bool {
		impossible := !a.applied && (a.code == kerr.DuplicateSequenceNumber || a.code == kerr.TopicAlreadyExists) // they say that it was done
		return impossible || !strings.Contains(a.String(), *codeOnly)
	})
}

// tryAll tries wrong answers, two at a time.
func tryAll(t *testing.T, versions *kversion.Versions, all []wrongAnswer) {
	var mu sync.Mutex
	hits, written, read, ended := 0, 0, 0, 0
	t.Run("all", func(t *testing.T) {
		for half := range 2 {
			t.Run(fmt.Sprint(half), func(t *testing.T) {
				t.Parallel()
				for i := half; i < len(all); i += 2 {
					a := answer(t, versions, &all[i])
					if a == nil {
						continue
					}
					a.judge(t)
					mu.Lock()
					hits, written, read = hits+a.tap.hits, written+a.writer.written, read+a.writer.read
					ended += min(1, len(a.ends))
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d combinations of request and error code, %d faults hit, %d lines counted, %d records checked; %d ended an instance, which said what to do", len(all), hits, written, read, ended)
	if len(all) > 0 && (hits == 0 || read == 0) {
		t.Error("that proves nothing")
	}
}

// judge says what is wrong with what came of a wrong answer, besides wrong counts.
func (a *answered) judge(t *testing.T) {
	wrong := a.tap.wrong
	if *codePrint {
		t.Logf("%s: %d hits, %v", wrong, a.tap.hits, errors.Join(a.ends...))
	}
	if a.tap.fault != nil {
		t.Errorf("%s: %v", wrong, a.tap.fault)
	}
	if a.tap.hits == 0 && wrong.at == 1 { // some kinds come once or twice
		t.Errorf("%s: no such request", wrong)
	}
	for _, err := range a.ends {
		missing := wrong.key == kmsg.Metadata && wrong.code == kerr.UnknownTopicOrPartition // at the start a topic has to be there
		if !slices.Contains(mend, wrong.code) && !missing {
			t.Errorf("%s: nobody has to mend that, and it ended an instance: %v", wrong, err)
		} else if fault := unclear(err); fault != "" {
			t.Errorf("%s: %s: %v", wrong, fault, err)
		}
	}
	if len(a.ends) > 1 {
		t.Errorf("%s: %d instances ended by one error", wrong, len(a.ends))
	}
}
