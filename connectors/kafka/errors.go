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

// explain adds what to do to errors that somebody must mend.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return fmt.Errorf("%w; allow this user to read, write, create or describe the topic", err)
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return fmt.Errorf("%w; allow this user to read the group, which has the application's name", err)
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Errorf("%w; allow this user to create topics and to write idempotently, or create the internal topics by hand", err)
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("%w; check user and password in kafka.Config.Options", err)
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("%w; the record, or the batch that it was written in, is larger than allowed: for a record raise max.message.bytes of the topic and kgo.ProducerBatchMaxBytes in kafka.Config.Options, for a batch lower kgo.ProducerBatchMaxBytes to max.message.bytes", err)
	case errors.Is(err, kerr.InvalidTimestamp):
		return fmt.Errorf("%w; the topic refuses the record's time: raise message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic", err)
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("%w; create the topic", err)
	}
	return err
}
