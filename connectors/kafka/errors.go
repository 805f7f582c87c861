package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// temporary marks an error that a later try may not meet: the brokers are away, or busy.
func temporary(err error) error {
	var network net.Error
	if kerr.IsRetriable(err) || errors.As(err, &network) || errors.Is(err, io.EOF) || kgo.IsRetryableBrokerErr(err) ||
		errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", connector.ErrTemporary, err)
	}
	return explain(err)
}

// explain adds what to do to errors that somebody must mend, once.
func explain(err error) error {
	var given *advised
	if err == nil || errors.As(err, &given) {
		return err
	}
	for _, a := range advice {
		if errors.Is(err, a.about) {
			return &advised{err, a.do}
		}
	}
	return err
}

// advise adds what to do to an error, where nothing better is known.
func advise(err error, do string) error {
	var given *advised
	if err = explain(err); errors.As(err, &given) {
		return err
	}
	return &advised{err, do}
}

// advised is an error with what to do about it.
type advised struct {
	error
	do string
}

func (a *advised) Error() string { return a.error.Error() + "; " + a.do }
func (a *advised) Unwrap() error { return a.error }

const brokersLog = "the log of the brokers says more: look there, and start again"

// advisedCode is an error code with what to do about it.
type advisedCode struct {
	about *kerr.Error
	do    string
}

var advice = []advisedCode{
	{kerr.TopicAuthorizationFailed, "allow this user to read, write, create or describe the topic"},
	{kerr.GroupAuthorizationFailed, "allow this user to read the group, which has the application's name"},
	{kerr.ClusterAuthorizationFailed, "allow this user to create topics and to write idempotently, or create the internal topics by hand"},
	{kerr.TransactionalIDAuthorizationFailed, "allow this user to describe and write with transactional ids that begin with the application's name"},
	{kerr.SaslAuthenticationFailed, "check user and password in kafka.Config.Options"},
	{kerr.MessageTooLarge, "the record, or the batch that it was written in, is larger than allowed: for a record raise max.message.bytes of the topic and kgo.ProducerBatchMaxBytes in kafka.Config.Options, for a batch lower kgo.ProducerBatchMaxBytes to max.message.bytes"},
	{kerr.RecordListTooLarge, "the batch is larger than a segment: raise segment.bytes of the topic, or lower kgo.ProducerBatchMaxBytes in kafka.Config.Options"},
	{kerr.InvalidTimestamp, "the topic refuses the record's time: raise message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic"},
	{kerr.InvalidRecord, "the topic refuses the record: give it a key if cleanup.policy of the topic is compact, and a time within message.timestamp.before.max.ms and message.timestamp.after.max.ms"},
	{kerr.CorruptMessage, "it was damaged on its way or on a disk, or has no key and cleanup.policy of the topic is compact: give it one; else start again, and check the disks of the brokers where it stays"},
	{kerr.UnknownTopicOrPartition, "create the topic"},
	{kerr.InvalidTopicException, "give the topic a name that the brokers take, and one that is not their own"},
	{kerr.InvalidRequiredAcks, "take kgo.RequiredAcks out of kafka.Config.Options"},
	{kerr.UnsupportedForMessageFormat, "raise message.format.version of the topic, or bring the brokers to 4.0"},
	{kerr.UnsupportedCompressionType, "choose another compression.type for the topic, or another kgo.ProducerBatchCompression in kafka.Config.Options"},
	{kerr.PolicyViolation, "the policy of the brokers refuses it: allow it there, or create the topics of the application by hand"},
	{kerr.OffsetMetadataTooLarge, "raise offset.metadata.max.bytes of the brokers"},
	{kerr.InvalidCommitOffsetSize, "raise offset.metadata.max.bytes and max.message.bytes of the topic __consumer_offsets"},
	{kerr.InconsistentGroupProtocol, "another program uses the group: use another application name, or stop that one"},
	{kerr.InvalidGroupID, "use another application name"},
	{kerr.GroupMaxSizeReached, "raise group.max.size of the brokers, or lower the number of workers or instances"},
	{kerr.InvalidSessionTimeout, "set kgo.SessionTimeout in kafka.Config.Options to what the brokers allow with group.min.session.timeout.ms and group.max.session.timeout.ms"},
	{kerr.InvalidTransactionTimeout, "raise transaction.max.timeout.ms of the brokers to 15 s at least"},
	{kerr.InvalidReplicationFactor, "start as many brokers as there are to be replicas, or lower framework.Config.Replication or default.replication.factor of the brokers"},
	{kerr.CoordinatorNotAvailable, "where it stays so, the brokers cannot create the topics of their own: lower transaction.state.log.replication.factor and offsets.topic.replication.factor to the number of brokers"},
	{kerr.InvalidPartitions, "give the topic 1 partition at least"},
	{kerr.InvalidConfig, "correct the settings that the topic was given, or create it by hand"},
	{kerr.InvalidRequest, brokersLog},
	{kerr.UnknownServerError, brokersLog},
}
