package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// worker is one member of the group with its own producer: one client.
//
// Goroutines: fetch polls the client when the worker asks for records; each restoration has its own; the client calls the
// group callbacks (group.go) from one of its. All of them hand over through channels to Poll and end before Close returns.
type worker struct {
	cluster *cluster
	config  connector.WorkerConfig
	client  *kgo.Client
	admin   *kadm.Client
	log     *slog.Logger
	topics  map[string]int32 // index by name
	sources map[int32]connector.Source

	asked   chan struct{}        // to fetch: poll; capacity 1
	fetched chan kgo.Fetches     // from fetch; unbuffered
	next    chan struct{}        // to fetch: the batch is done with, rebalances are allowed
	events  chan connector.Event // from the group callbacks
	runs    chan restored        // from restorations; unbuffered
	woken   chan struct{}        // capacity 1
	failed  chan error           // capacity 1: the group cannot go on
	asking  bool                 // fetch was asked and has not answered
	holding bool                 // fetch waits for next

	tx           *transaction // nil: none
	member       membership
	restorations map[connector.Partition]*restoration // the one whose runs are wanted
	metadata     map[string]map[int32]string          // of the offsets fetched last; only used by group callbacks
	free         recordPool
	rejoining    rejoining
	slabs        slabPool
	purgeRefused sync.Once

	opened    chan struct{}   // closed when Open has set client and admin; the group's callbacks may come earlier
	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	kill      context.CancelFunc // ends all that the client does, whatever it waits for
	running   sync.WaitGroup
	closeOnce sync.Once
}

// fetchShare is the part of the worker's budget that the client may fetch ahead.
const fetchShare = 4

// Open joins the group with one more member.
func (c *cluster) Open(ctx context.Context, config connector.WorkerConfig) (connector.Worker, error) {
	if config.Atomic {
		return c.openTransactional(ctx, config)
	}
	return c.open(ctx, config, nil)
}

func (c *cluster) open(ctx context.Context, config connector.WorkerConfig, tx *transaction) (*worker, error) {
	w := &worker{
		tx:      tx,
		cluster: c, config: config, log: config.Logger, topics: map[string]int32{}, sources: map[int32]connector.Source{},
		asked: make(chan struct{}, 1), fetched: make(chan kgo.Fetches), next: make(chan struct{}), events: make(chan connector.Event, 16),
		runs: make(chan restored), woken: make(chan struct{}, 1), failed: make(chan error, 1),
		restorations: map[connector.Partition]*restoration{}, metadata: map[string]map[int32]string{},
	}
	for i, t := range config.Topics {
		w.topics[t.Name] = int32(i)
	}
	var names []string
	for _, s := range config.Sources {
		w.sources[s.Topic] = s
		names = append(names, config.Topics[s.Topic].Name)
	}
	var groups [][]string
	for _, g := range config.Groups {
		var topics []string
		for _, t := range g {
			topics = append(topics, config.Topics[t].Name)
		}
		groups = append(groups, topics)
	}
	rebalance := config.Rebalance
	if rebalance <= 0 {
		rebalance = time.Minute
	}
	options := append(w.fetchOptions(config.Budget/fetchShare), w.groupOptions(names, rebalance)...)
	balancer := newBalancer(groups, config.Process, config.Hash, 1).(*balancer)
	balancer.logger, balancer.application = config.Logger, config.Group
	balancer.refused = func(theirs []string) { w.fail(strangerError(config.Group, theirs, balancer.sources())) }
	options = append(options, kgo.Balancers(balancer))
	options = append(options, w.produceOptions()...)
	if tx != nil {
		options = append(options, tx.options()...)
	}
	w.opened = make(chan struct{})
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	kill, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.kill = cancel
	client, err := c.client(append(options, kgo.WithContext(kill))...)
	if err != nil {
		w.cancel()
		w.kill()
		return nil, err
	}
	w.client, w.admin = client, kadm.NewClient(client)
	close(w.opened)
	w.running.Go(w.fetch)
	return w, nil
}

// fetchOptions are those of each client that reads: they bound what it fetches ahead.
func (w *worker) fetchOptions(bytes int64) []kgo.Opt {
	total := int32(min(max(bytes, 256<<10), 16<<20))
	return []kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // positions must reach the last stable offset
		kgo.FetchMaxBytes(total),
		kgo.FetchMaxPartitionBytes(min(total, 1<<20)),
		kgo.WithHooks(&fetchSize{}),
		kgo.FetchMaxWait(100 * time.Millisecond), // a partition that is resumed waits for the fetch under way
		kgo.BrokerMaxReadBytes(max(100<<20, 2*total)),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // a lost position is an error, never a silent jump
		// A proxy that stands for a broker which is away takes connections and closes them. The client holds that for a
		// wrong configuration and gives up records; the start (Admin) showed that it is right.
		kgo.AlwaysRetryEOF(),
	}
}

// fetch polls, and lets the group rebalance only when the worker is done with what it polled.
func (w *worker) fetch() {
	defer w.client.AllowRebalance()
	for {
		select {
		case <-w.asked:
		case <-w.ctx.Done():
			return
		}
		var f kgo.Fetches
		for len(f) == 0 {
			w.client.AllowRebalance()
			if f = w.client.PollRecords(w.ctx, 0); w.ctx.Err() != nil {
				return
			}
		}
		select {
		case w.fetched <- f:
		case <-w.ctx.Done():
			return
		}
		select {
		case <-w.next:
		case <-w.ctx.Done():
			return
		}
		w.client.AllowRebalance()
	}
}

var errClosed = errors.New("the worker is closed")

// Poll returns what the group, the client and restorations have brought.
func (w *worker) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	var b connector.Batch
	if w.holding {
		w.holding = false
		select {
		case w.next <- struct{}{}:
		case <-w.ctx.Done():
			return b, errClosed
		}
	}
	if w.drain(&b); len(b.Events) > 0 {
		return b, nil
	}
	fetched := w.fetched
	if !records {
		fetched = nil
	} else if !w.asking {
		w.asking = true
		w.asked <- struct{}{}
	}
	if wait <= 0 {
		err := w.look(&b, fetched)
		return b, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case e := <-w.events:
		b.Events = append(b.Events, e)
	case f := <-fetched:
		err := w.accept(&b, f)
		return b, err
	case r := <-w.runs:
		w.acceptRestored(&b, r)
	case err := <-w.failed:
		return b, err
	case <-w.woken:
	case <-timer.C:
	case <-ctx.Done():
	case <-w.ctx.Done():
		return b, errClosed
	}
	w.drain(&b)
	return b, nil
}

// look takes what is there without waiting.
func (w *worker) look(b *connector.Batch, fetched <-chan kgo.Fetches) error {
	select {
	case f := <-fetched:
		return w.accept(b, f)
	case r := <-w.runs:
		w.acceptRestored(b, r)
	case err := <-w.failed:
		return err
	case <-w.woken:
	case <-w.ctx.Done():
		return errClosed
	default:
	}
	return nil
}

// accept takes a batch of the client. What was assigned before it was fetched is in events by now and comes first.
func (w *worker) accept(b *connector.Batch, f kgo.Fetches) error {
	w.asking, w.holding = false, true
	w.drain(b)
	return w.convert(b, f)
}

// drain takes the events that are there.
func (w *worker) drain(b *connector.Batch) {
	for {
		select {
		case e := <-w.events:
			b.Events = append(b.Events, e)
		default:
			return
		}
	}
}

// Wake ends a Poll that waits.
func (w *worker) Wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// fail makes the next Poll return the error.
func (w *worker) fail(err error) {
	select {
	case w.failed <- err:
	default:
	}
}

// Pause stops fetching partitions.
func (w *worker) Pause(partitions []connector.Partition) {
	w.client.PauseFetchPartitions(w.byName(partitions))
}

// Resume starts fetching partitions again.
func (w *worker) Resume(partitions []connector.Partition) {
	w.client.ResumeFetchPartitions(w.byName(partitions))
}

func (w *worker) byName(partitions []connector.Partition) map[string][]int32 {
	m := map[string][]int32{}
	for _, p := range partitions {
		name := w.config.Topics[p.Topic].Name
		m[name] = append(m[name], p.Partition)
	}
	return m
}

// leaveTime is how long Close tries to leave the group; after it, the group finds out by the session time-out.
const leaveTime = 5 * time.Second

// Close leaves the group and closes the client.
func (w *worker) Close(ctx context.Context) (err error) {
	w.closeOnce.Do(func() {
		w.cancel()
		w.running.Wait()
		leaving, cancel := context.WithTimeout(ctx, leaveTime)
		defer cancel()
		if err = w.leave(leaving); err != nil {
			err = fmt.Errorf("leave group %s: %w", w.config.Group, explain(err))
			if errors.Is(err, context.DeadlineExceeded) || errors.Is(temporary(err), connector.ErrTemporary) {
				w.log.Warn("the group was not told that this member leaves", "error", err)
				err = nil
			}
		}
		w.client.Close()
		// Close leaves once more, in a goroutine that it does not wait for, and polls, which would hold that one for ever.
		w.client.AllowRebalance()
		w.kill()
	})
	return err
}

// leave makes the client leave the group. In the middle of a rebalance it does not leave before the end, for which the others
// may wait just because this member does not answer: so it has a tenth of the time, and then the group is told here.
func (w *worker) leave(ctx context.Context) error {
	first, cancel := context.WithTimeout(ctx, leaveTime/10)
	defer cancel()
	err := w.client.LeaveGroupContext(first)
	if err == nil {
		return nil
	}
	defer w.kill() // else Close waits for the group
	id, _ := w.client.GroupMetadata()
	if first.Err() == nil || id == "" {
		return err
	}
	member := kmsg.NewLeaveGroupRequestMember()
	member.MemberID = id
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group, request.MemberID, request.Members = w.config.Group, id, append(request.Members, member)
	response, err := request.RequestWith(ctx, w.client)
	if err != nil {
		return err
	}
	errs := []error{kerr.ErrorForCode(response.ErrorCode)}
	for _, m := range response.Members {
		errs = append(errs, kerr.ErrorForCode(m.ErrorCode))
	}
	if err = errors.Join(errs...); errors.Is(err, kerr.UnknownMemberID) {
		return nil // it is not a member
	}
	return err
}
