package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// transaction is what an exactly-once worker has open: all that it wrote since its last commit. The offsets go into it by a request
// of the worker's own, since they are those that the driver has reached, for some of the partitions, with metadata.
type transaction struct {
	id   string
	open bool
	// refused: a commit failed, and with it the positions of what was written. Whatever comes after it must not be committed either:
	// it would take that along without them.
	refused bool
	// implicit: the broker puts partitions and offsets into the transaction by itself (KIP-890, part 2).
	implicit bool
	mu       sync.Mutex // guards reached: the group's callbacks note what is assigned
	// reached is the position of each partition as it was committed or assigned last: with one of them a commit asks the group
	// whether this member is still one, where no position has moved.
	reached map[connector.Partition]connector.Position
}

// transactionTimeout is how long a broker waits for an instance that does not come back; readers of what it wrote wait as long.
const transactionTimeout = 15 * time.Second

// newTransaction returns what a worker's client starts with. The id stays the same for an instance and worker: who starts again under
// it ends what was left open.
func newTransaction(config *connector.WorkerConfig, implicit bool) *transaction {
	id := fmt.Sprintf("%s-%s-%d", config.Group, config.Instance, config.Index)
	return &transaction{id: id, implicit: implicit, reached: map[connector.Partition]connector.Position{}}
}

// options are those of a transactional client.
func (t *transaction) options() []kgo.Opt {
	versions := kversion.Stable()
	most := int16(4)
	if t.implicit {
		most = 5 // from 6 on topics have ids instead of names
	}
	versions.SetMaxKeyVersion(kmsg.TxnOffsetCommit.Int16(), most)
	versions.SetMaxKeyVersion(kmsg.OffsetCommit.Int16(), 9) // likewise
	return []kgo.Opt{
		kgo.TransactionalID(t.id),
		kgo.TransactionTimeout(transactionTimeout),
		kgo.RetryBackoffFn(backoff),
		kgo.MaxVersions(versions),
	}
}

// backoff is how long a client waits before it tries a request once more. The client's own goes up to 5 s, too long for a transaction,
// which a coordinator that is moved or loads may hold up: brokers abort it after transactionTimeout, and a stop does not wait much longer.
func backoff(tries int) time.Duration {
	wait := min(100*time.Millisecond<<min(tries, 10), time.Second)
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())) // so that clients do not come all at once
}

// implicitTransactions asks whether the cluster has transactions as of Kafka 4.0.
func (c *cluster) implicitTransactions(ctx context.Context) (bool, error) {
	cl, err := c.client()
	if err != nil {
		return false, err
	}
	defer cl.Close()
	r, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, cl)
	if err != nil {
		return false, temporary(err)
	}
	for _, f := range r.FinalizedFeatures {
		if f.Name == "transaction.version" {
			return f.MaxVersionLevel >= 2, nil
		}
	}
	return false, nil
}

// begin opens the transaction for what is about to be written.
func (w *worker) begin() error {
	if w.tx == nil || w.tx.open {
		return nil
	}
	if err := w.client.BeginTransaction(); err != nil {
		return aborted(err)
	}
	w.tx.open = true
	return nil
}

// commitTransaction makes what was written since the last commit and the positions one. All of it is acknowledged.
func (w *worker) commitTransaction(ctx context.Context, positions []connector.Position) error {
	held, others := w.member.divide(positions)
	if len(others) > 0 {
		w.tx.refused = true
		return aborted(fmt.Errorf("commit offsets of topic %s, partition %d: %w", w.config.Topics[others[0].Topic].Name, others[0].Partition.Partition, errNotHeld))
	}
	if w.tx.refused {
		return fmt.Errorf("%w: a commit before this one was refused", connector.ErrAborted)
	}
	bounded, cancel := context.WithTimeout(ctx, transactionTimeout*2/3)
	defer cancel()
	commit := w.commitOffsets
	if w.tx.open {
		commit = w.commitOpen
	}
	err := commit(bounded, held)
	if errors.Is(err, connector.ErrTemporary) {
		err = aborted(fmt.Errorf("the brokers did not take a commit within %s: %w", transactionTimeout*2/3, outlast(err)))
	}
	if w.tx.refused = err != nil; err == nil {
		w.tx.note(held)
	}
	return err
}

// commitOpen ends the open transaction with positions.
func (w *worker) commitOpen(ctx context.Context, positions []connector.Position) error {
	if len(positions) == 0 {
		positions = w.anyHeld()
	}
	if err := w.offsetsIntoTransaction(ctx, positions); err != nil {
		return err
	}
	// Its context must not end: then nobody knows what became of the transaction.
	if err := w.client.EndTransaction(context.WithoutCancel(ctx), kgo.TryCommit); err != nil {
		return aborted(fmt.Errorf("end the transaction: %w", err))
	}
	w.tx.open = false
	return nil
}

func (t *transaction) note(positions []connector.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range positions {
		t.reached[p.Partition] = p
	}
}

// anyHeld returns the last position of a partition that is held.
func (w *worker) anyHeld() []connector.Position {
	w.tx.mu.Lock()
	defer w.tx.mu.Unlock()
	for _, p := range w.tx.reached {
		if held, _ := w.member.divide([]connector.Position{p}); len(held) > 0 {
			return held
		}
	}
	return nil
}

// offsetsIntoTransaction adds positions to the open transaction.
func (w *worker) offsetsIntoTransaction(ctx context.Context, positions []connector.Position) error {
	if len(positions) == 0 {
		return aborted(errNotHeld)
	}
	id, epoch, err := w.client.ProducerID(ctx)
	if err != nil {
		return aborted(err)
	}
	if !w.tx.implicit {
		r := kmsg.NewPtrAddOffsetsToTxnRequest()
		r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Group = w.tx.id, id, epoch, w.config.Group
		err := w.patiently(ctx, func() error {
			answer, err := r.RequestWith(ctx, w.client)
			if err == nil {
				err = kerr.ErrorForCode(answer.ErrorCode)
			}
			return err
		})
		if err != nil {
			return refusedOffsets(fmt.Errorf("add the offsets to the transaction: %w", err))
		}
	}
	return w.asMember(ctx, positions, func(member string, generation int32) error {
		r := w.offsetsRequest(positions)
		r.ProducerID, r.ProducerEpoch, r.MemberID, r.Generation = id, epoch, member, generation
		answer, err := r.RequestWith(ctx, w.client)
		if err != nil {
			return refusedOffsets(err)
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return refusedOffsets(fmt.Errorf("add the offset of topic %s, partition %d, to the transaction: %w", t.Topic, p.Partition, err))
				}
			}
		}
		return nil
	})
}

// commitOffsets commits positions behind which nothing was written, so that there is no transaction.
func (w *worker) commitOffsets(ctx context.Context, positions []connector.Position) error {
	if len(positions) == 0 {
		return nil
	}
	return w.asMember(ctx, positions, func(member string, generation int32) error {
		r := kmsg.NewPtrOffsetCommitRequest()
		r.Group, r.MemberID, r.Generation = w.config.Group, member, generation
		for _, t := range w.offsetsRequest(positions).Topics {
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic = t.Topic
			for _, p := range t.Partitions {
				part := kmsg.NewOffsetCommitRequestTopicPartition()
				part.Partition, part.Offset, part.Metadata = p.Partition, p.Offset, p.Metadata
				topic.Partitions = append(topic.Partitions, part)
			}
			r.Topics = append(r.Topics, topic)
		}
		answer, err := r.RequestWith(ctx, w.client)
		if err != nil {
			return refusedOffsets(err)
		}
		for _, t := range answer.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return refusedOffsets(fmt.Errorf("commit the offset of topic %s, partition %d: %w", t.Topic, p.Partition, err))
				}
			}
		}
		return nil
	})
}

// asMember tries to commit positions that this member holds, until that is answered for good. The client does not commit while the
// group is being rebalanced, which may wait for this worker; what it holds stays this member's until it lets go.
func (w *worker) asMember(ctx context.Context, positions []connector.Position, try func(member string, generation int32) error) error {
	return w.patiently(ctx, func() error {
		member, generation := w.client.GroupMetadata()
		if err := w.member.check(member); err != nil {
			return aborted(err)
		}
		if _, others := w.member.divide(positions); len(others) > 0 {
			return aborted(errNotHeld)
		}
		return try(member, generation)
	})
}

func (w *worker) offsetsRequest(positions []connector.Position) *kmsg.TxnOffsetCommitRequest {
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	r.TransactionalID, r.Group = w.tx.id, w.config.Group
	byTopic := map[int32]*kmsg.TxnOffsetCommitRequestTopic{}
	var order []int32
	for _, p := range positions {
		t := byTopic[p.Topic]
		if t == nil {
			topic := kmsg.NewTxnOffsetCommitRequestTopic()
			topic.Topic = w.config.Topics[p.Topic].Name
			t = &topic
			byTopic[p.Topic] = t
			order = append(order, p.Topic)
		}
		part := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		part.Partition, part.Offset, part.Metadata = p.Partition.Partition, p.Offset, kmsg.StringPtr(p.Metadata)
		t.Partitions = append(t.Partitions, part)
	}
	for _, topic := range order {
		r.Topics = append(r.Topics, *byTopic[topic])
	}
	return r
}

// refusedOffsets says what follows of offsets that did not go into the transaction. The same ones may be sent again: the group counts the
// last ones, and none without the transaction.
func refusedOffsets(err error) error {
	switch temp := temporary(err); {
	case errors.Is(err, kerr.RebalanceInProgress), errors.Is(err, kerr.IllegalGeneration): // until the client has heard of it
		return fmt.Errorf("%w: %w", connector.ErrTemporary, err)
	case errors.Is(temp, connector.ErrTemporary):
		return temp
	case errors.Is(err, kerr.OffsetMetadataTooLarge), errors.Is(err, kerr.InvalidCommitOffsetSize):
		return explain(err)
	}
	return aborted(err)
}

// aborted marks an error after which what was written since the last commit is not there.
func aborted(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed),
		errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return explain(err)
	}
	return fmt.Errorf("%w: %w", connector.ErrAborted, explain(err))
}

// outlasted is an error that was temporary and lasted too long: what it came of is not tried again.
type outlasted struct {
	text string
	code error // nil: none
}

func (o outlasted) Error() string { return o.text }
func (o outlasted) Unwrap() error { return o.code }

func outlast(err error) error {
	o := outlasted{text: strings.TrimPrefix(err.Error(), connector.ErrTemporary.Error()+": ")}
	var code *kerr.Error
	if errors.As(err, &code) {
		o.code = code
	}
	return o
}

// abortive says that a write failed for its transaction, not for the record.
func abortive(err error) bool {
	for _, of := range []error{
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.TransactionAbortable, kerr.UnknownProducerID,
		kerr.InvalidProducerIDMapping, kerr.OutOfOrderSequenceNumber, kerr.ConcurrentTransactions, kerr.TransactionCoordinatorFenced,
		kgo.ErrAborting, kgo.ErrRecordTimeout, kgo.ErrRecordRetries, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// abort ends what is open, so that readers do not wait for it. A client that cannot leaves that to the one after it, or to the broker.
func (w *worker) abort(ctx context.Context) {
	if w.tx == nil || !w.tx.open {
		return
	}
	w.tx.open = false
	bounded, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	err := w.client.AbortBufferedRecords(bounded)
	if err == nil {
		err = w.client.EndTransaction(bounded, kgo.TryAbort)
	}
	if err != nil && !fencing(err) { // who took the id has ended it
		w.log.Warn("the transaction could not be aborted: the brokers do it", "error", err, "within", transactionTimeout.String())
	}
}
