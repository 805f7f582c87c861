// Package connector is the contract between the driver and what holds the topics: types only.
//
// A Connector opens one Worker for each of the driver's workers. Whatever happens outside (records
// fetched, partitions assigned, revoked or lost, changelog records to restore) comes back from
// [Reader.Poll] as data, in order, on the worker's own goroutine; so the driver needs no lock.
package connector

import (
	"context"
	"log/slog"
	"time"
)

// Connector is a kind of topics: a Kafka cluster, a folder of files, the memory of the process.
// All methods may be called from any goroutine.
type Connector interface {
	// Kind names the connector as topics name it, for example "kafka".
	Kind() string
	// Capabilities says what the connector can do beyond what each must.
	Capabilities() Capabilities
	// Admin opens the view of the topics that start and supervision need.
	// It returns an error that names the address where nothing answers.
	Admin(ctx context.Context) (Admin, error)
	// Open joins the group with one more worker. The worker owns nothing until Poll says so.
	Open(ctx context.Context, c WorkerConfig) (Worker, error)
}

// Capabilities is what a connector can do beyond what each must.
type Capabilities struct {
	// Atomic: what a worker wrote since its last Commit and the positions that it commits become durable, and visible to
	// readers, as one. The driver then ends a round before each Commit, writes nothing until it is answered, and commits
	// nothing while an operator holds records back.
	Atomic bool
	// Transactional: a worker is Atomic where its WorkerConfig asks for it.
	Transactional bool
	// Durable: what was written and committed is there for the next process.
	Durable bool
	// Shared: several processes can share the work of one group.
	Shared bool
}

// Admin looks at topics and changes them. Its methods block until answered or until ctx ends.
type Admin interface {
	// Topics describes the topics, in the order asked; of their specs Name, Role and Configs count. A topic that does not
	// exist has 0 partitions; where the connector can say better what to do, that is an error.
	Topics(ctx context.Context, topics []TopicSpec) ([]TopicInfo, error)
	// Create creates the topics that do not exist yet; one that exists is left as it is.
	Create(ctx context.Context, topics []TopicSpec) error
	// Ends returns, for each named topic, the last stable offset of each of its partitions.
	Ends(ctx context.Context, names []string) ([][]int64, error)
	// Committed returns, for each named topic, what the group committed of each partition: Offset, -1 where nothing is,
	// and Metadata; nothing else of the positions is set.
	Committed(ctx context.Context, group string, names []string) ([][]Position, error)
	// Owners returns, by topic and partition, which process of the group (WorkerConfig.Process) reads it. What nobody reads, or what is just
	// on its way from one to another, is not in it.
	Owners(ctx context.Context, group string) (map[string]map[int32]string, error)
	// Close releases what Admin opened. It is safe to call twice.
	Close() error
}

// Worker is one member of the group: a reader and a writer. One goroutine calls its methods, but for Wake.
type Worker interface {
	Reader
	Writer
	// Wake makes a Poll that waits return at once; where none waits, the next one. It may be called from any goroutine.
	Wake()
	// Close leaves the group and releases everything; what is not acknowledged by then is given up,
	// its acked functions having been called with an error. It is safe to call twice. A Poll that waits on another
	// goroutine ends with an error; so do Poll and Commit afterwards, and what is written is acknowledged with one.
	Close(ctx context.Context) error
}

// Reader is the reading half of a worker.
type Reader interface {
	// Poll waits up to wait for something to happen and returns it; wait 0 only looks. Without records, fetched records
	// are left where they are: the connector keeps a bounded number of them.
	// Events come before runs, each in the order in which they happened. Until the next call of Poll
	// no partition is taken away. The end of ctx ends a Poll that waits, with or without an error.
	// The batch is valid until the next call; the slices of
	// records belong to the caller until Recycle. An error is final for the worker.
	Poll(ctx context.Context, wait time.Duration, records bool) (Batch, error)
	// Recycle hands a run's records back for reuse; their bytes may be reused as well.
	Recycle(records []Record)
	// Pause stops fetching the partitions; what was fetched and not polled is dropped and fetched again
	// after Resume, so that nothing is lost or repeated. Assigned partitions start paused.
	Pause(partitions []Partition)
	// Resume starts fetching the partitions again.
	Resume(partitions []Partition)
	// Restore starts to read partitions outside the group, each from where its Restoration says up to its last stable offset at
	// the time of the call: their runs come back from Poll with Restore set, the last of each partition with
	// Restored. Calling it for a partition that is being restored starts that one anew; RestoreStop ends it.
	Restore(of []Restoration)
	// RestoreStop gives up the restoration of the partitions: no more of their runs are returned.
	RestoreStop(partitions []Partition)
}

// Writer is the writing half of a worker.
type Writer interface {
	// Write hands records over without blocking, in order per partition. Their keys, values and headers must stay as
	// they are until acked was called for them: once for each record, from the connector's goroutine, with the bytes of
	// its key and value, and an error that names topic and partition where the record was refused for good.
	// The slice itself may be reused at once.
	Write(records []Out, acked func(bytes int, err error))
	// Commit stores the positions for the group and blocks until answered. Positions of partitions that are no
	// longer this worker's are refused: then the error is a *CommitError that names them and the others are committed.
	// Where the connector is atomic, a call without positions commits what was written.
	Commit(ctx context.Context, positions []Position) error
	// Purge allows the connector to delete records below the positions. It does not block, and may do nothing.
	Purge(positions []Position)
}

// Aborter is what workers are besides that are Atomic since their WorkerConfig asked for it.
type Aborter interface {
	// Abort gives up all that was written since the last Commit, what of it is not acknowledged too, and all partitions: those come
	// again from Poll, from their committed positions. cause is the error that made it necessary; it wraps ErrAborted. When
	// it returns, acked was called for all that was written. Nothing else of the worker runs meanwhile, but for Wake. An error
	// is final for the worker.
	Abort(ctx context.Context, cause error) error
}

// WorkerConfig is what a worker needs to know of the graph.
type WorkerConfig struct {
	Group     string        // the application's name: group and prefix of ids
	Process   string        // random, the same for all workers of this process
	Instance  string        // names this process among those of the group; the same after a restart where the user gave it
	Atomic    bool          // of a connector that is Transactional: be Atomic
	Index     int           // the worker's number in its process, from 0
	Topics    []TopicSpec   // by topic index; all other places speak of topics by this index
	Sources   []Source      // topics to read in the group
	Groups    [][]int32     // the source topics of each sub-topology: partition p of all of them is one task, assigned as one
	Hash      uint64        // of the topology: equal in members that run the same graph
	Bounded   bool          // the run ends where the sources end: nothing that comes later is waited for
	Budget    int64         // bytes that this worker may hold fetched inside the connector
	MaxWrite  int64         // bytes that the driver will have unacknowledged at most, to set limits above it
	Rebalance time.Duration // how long a member may take to let a partition go; 0: 60 s
	Logger    *slog.Logger
}

// Source is a topic to be read.
type Source struct {
	Topic int32
	Start Start // where to begin where nothing is committed
	// SkipGap: when the committed offset is no longer in the log, go on at the log's start
	// and report the gap in the assignment; else that is an error.
	SkipGap bool
}

// Start says where reading begins where nothing is committed.
type Start struct {
	Latest bool      // at the log's end
	At     time.Time // at the first record with this timestamp or a later one; zero: not set. Neither: at the log's start
}

// TopicInfo describes a topic as it is.
type TopicInfo struct {
	Name       string
	Partitions int32 // 0: the topic does not exist
}

// TopicSpec describes a topic to be created.
type TopicSpec struct {
	Name        string
	Partitions  int32
	Replication int16             // 0: the broker's default
	Configs     map[string]string // settings; of internal topics by Kafka's names
	Role        Role              // what the application uses it for
}

// Role says what a topic is for.
type Role int8

// The roles of a topic. Sources and sinks are the user's, the others are internal; one topic can be source and sink.
const (
	RoleSource Role = 1 << iota
	RoleSink
	RoleRepartition
	RoleChangelog
)

// Internal says that the topic is the application's own.
func (r Role) Internal() bool { return r&(RoleRepartition|RoleChangelog) != 0 }

// Partition names a partition by topic index and number.
type Partition struct {
	Topic     int32
	Partition int32
}

// Position is a place in a partition: the offset of the next record to read.
type Position struct {
	Partition
	Offset   int64
	Metadata string // at most 4,096 bytes; comes back in Assignment
}

// Record is one record as it was read. Key, Value and Headers belong to the connector until Recycle.
type Record struct {
	Offset  int64
	Time    int64  // ms since the epoch
	Key     []byte // nil: no key
	Value   []byte // nil: null
	Headers []Header
	Control bool // a marker that occupies an offset and nothing else
}

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Out is a record to be written.
type Out struct {
	Topic     int32 // index into WorkerConfig.Topics
	Partition int32
	Time      int64  // ms since the epoch
	Key       []byte // nil: no key
	Value     []byte // nil: null
	Headers   []Header
	// Offset is set to the one that the record got before acked is called for it, by a connector that knows it then; nil: nobody asks.
	Offset *int64
}

// Batch is what a poll returned.
type Batch struct {
	Events []Event
	Runs   []Run
}

// EventKind says what happened to partitions.
type EventKind int8

const (
	// Assigned: the partitions are this worker's from now on, paused until Resume. A worker that joins is told of an assignment
	// in any case, without partitions where there is nothing for it.
	Assigned EventKind = iota
	// Revoked: the partitions are to be let go; they may still be committed until Done is called.
	Revoked
	// Lost: the partitions are another's already; nothing of them may be committed.
	Lost
)

func (k EventKind) String() string { return [...]string{"assigned", "revoked", "lost"}[k] }

// Event is a change of what the worker owns. The group stands still until Done was called.
type Event struct {
	Kind       EventKind
	Partitions []Assignment // for Revoked and Lost only the Partition is set
	Done       func()       // never nil; the worker calls it once
}

// Assignment is a partition that was assigned.
type Assignment struct {
	Partition
	Offset   int64  // the first offset to read: the committed one, or where Source.Start says
	End      int64  // the last stable offset at that time
	Metadata string // as it was committed with the offset, "" where none
	Gap      int64  // offsets between the committed one and the log's start, skipped by Source.SkipGap
}

// Restoration says what is to be read of a partition that is restored.
type Restoration struct {
	Partition
	From int64  // the first offset to read; 0: the log's start
	Log  string // what Run.Log called the log that From is an offset of; "": unknown
}

// Whole is the restoration of all that is in the partitions.
func Whole(partitions ...Partition) []Restoration {
	all := make([]Restoration, len(partitions))
	for i, p := range partitions {
		all[i].Partition = p
	}
	return all
}

// Run is some records of one partition, in order of offset.
type Run struct {
	Partition
	Records  []Record
	Bytes    int64 // that these records hold in memory
	End      int64 // the partition's last stable offset as last heard, -1 unknown
	Restore  bool  // a run of a partition given to Restore
	Restored bool  // with Restore: the partition is at its end
	// Anew, with Restore: the log does not have the offset to begin from any more, or not yet, or is another one, and is read from
	// its start. What was kept of it is void. It comes with the first run of the restoration.
	Anew bool
	// Log, with Restored: what tells this log from one that takes its place under the same name; "": the connector does not know.
	Log string
	Err error // reading this partition cannot go on
	// SkippedTo is where reading goes on after records that were deleted before they were read, where Source.SkipGap
	// allows it; 0: nothing was skipped. It comes before the records of the run.
	SkippedTo int64
}

// CommitError names the partitions whose positions were refused.
type CommitError struct {
	Refused []Partition
	Err     error // the first refusal
}

func (e *CommitError) Error() string { return "commit offsets: " + e.Err.Error() }
func (e *CommitError) Unwrap() error { return e.Err }

// Factory makes a topic's connector where the configuration names none: with it [framework.Main] needs no registry.
type Factory struct {
	Kind string
	// Check says what is wrong with a topic's name; nil: any name but "" is good.
	Check func(name string) error
	// New makes the connector from the environment.
	New func(getenv func(name string) string) (Connector, error)
	// Timeless: the timestamps of its records say nothing of when that which they tell of happened, so that windows need
	// event times from the values.
	Timeless bool
	// Own: New asks nothing of the environment, and makes the connector where the configuration names none.
	Own bool
}
