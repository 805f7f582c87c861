package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// storePoint is a place in what becomes of a commit in a store on disk. testdata/patched and patched_test.go put it there.
type storePoint struct {
	name string
	most int // how often a process comes there before it ends, at most; four times as often where each batch comes into a file at once
}

// storePoints: a batch has the entries of a store that changed, and its checkpoint, up to where it has the changelog. Batches come into files
// when there are enough of them; the list of files says which of these count.
var storePoints = []storePoint{
	{"before the batch of the store", 2}, // the end of the transaction is answered
	{"in the middle of the batch", 4},
	{"before the checkpoint", 8}, // it and all entries are in the batch, and the database does not have it
	{"after the checkpoint", 8},
	{"after the batch", 4},
	{"in the middle of a file", 2},
	{"after a file", 2},
	{"in the middle of the list of files", 3}, // which is written at the start, too
	{"after the list of files", 3},
}

// TestCountsAreExactAfterKillsAtEachStepOfAStoreOnDisk kills a process of an exactly-once word count that has its table on disk with
// SIGKILL at each point, again and again, alone and beside another one, while lines come in. Started again, it reads no record of the changelog
// that its folder has.
func TestCountsAreExactAfterKillsAtEachStepOfAStoreOnDisk(t *testing.T) {
	t.Parallel() // most of it is waiting
	each := number(t, "KILLPOINTS", 5)
	seed := int64(number(t, "SEED", int(time.Now().UnixNano())))
	t.Logf("SEED=%d", seed)
	f := newFleet(t, briefBroker(t), 2*time.Minute+time.Duration(each*len(storePoints))*20*time.Second, seed)
	c := f.c
	v := &storeVictim{fleet: f, from: c.topic("lines", 4), to: c.topic("counts", 4), lines: newText(seed), want: map[string]int64{}}
	v.write(1000)
	v.first()
	killed, got := map[string]int{}, c.counts(v.to)
	for round := range each {
		// Alone the process goes on with what its folder has; beside another one it may get what that one has gone on with.
		if round%2 == 1 {
			v.beside = v.launch(0, true, "wordcount", "-from", v.from, "-to", v.to)
		}
		for _, i := range f.random.Perm(len(storePoints)) {
			point := storePoints[i]
			p := v.startAgain(&point)
			v.lives(p)
			if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
				t.Fatalf("%s the process ended by itself: %v", point.name, p.cmd.ProcessState)
			}
			v.checkRestored()
			killed[point.name]++
			got.refresh() // while it is little
		}
		if v.beside != nil {
			stop(v.beside)
		}
		v.beside = nil
	}
	last := v.startAgain(nil)
	v.untilCounted(got, v.want)
	stop(last)
	v.checkRestored()
	got.equal(v.want)
	c.neverTwice(v.to)
	for _, point := range storePoints {
		t.Logf("%d kills %s", killed[point.name], point.name)
		if killed[point.name] == 0 {
			t.Errorf("nothing was killed %s", point.name)
		}
	}
	t.Logf("%d words, each counted once; %d restorations of a store that the folder had: %d records read, %d that it had were not read",
		occurrences(v.want), v.good, v.tail, v.spared)
	if v.good == 0 || v.spared == 0 || len(v.want) == 0 {
		t.Error("one of these is 0: nothing is shown")
	}
}

// storeVictim is the process that is killed, and what its folder has each time that it starts.
type storeVictim struct {
	*fleet
	from, to string
	lines    *text
	want     map[string]int64
	beside   *process // that is not killed; nil: none

	has                map[int32]int64 // where the folder's stores have their changelogs, by partition: the next offset
	good, tail, spared int64
}

const victimInstance = 1

func (v *storeVictim) write(n int) {
	lines := v.lines.lines(n)
	add(v.want, lines...)
	v.c.lines(v.from, 4, lines)
}

// first gives the victim a folder with all counts.
func (v *storeVictim) first() {
	v.c.t.Helper()
	p := v.startAgain(nil)
	v.untilCounted(v.c.counts(v.to), v.want)
	stop(p)
}

// startAgain starts the victim, which ends itself at a point; nil: it does not.
func (v *storeVictim) startAgain(point *storePoint) *process {
	v.c.t.Helper()
	v.has = v.checkpoints()
	v.c.must(os.RemoveAll(v.trace()))
	cmd := v.command(victimInstance, true, "wordcount", "-from", v.from, "-to", v.to)
	cmd.Env = append(os.Environ(), "MILLRACE_RESTORED="+v.trace())
	most := 0
	if point != nil {
		most = point.most
	}
	if v.random.Intn(2) == 0 { // what is in a file at once is in the folder, whatever is killed next
		cmd.Env = append(cmd.Env, "MILLRACE_FLUSHES=1")
		most *= 4
	}
	if point != nil {
		cmd.Env = append(cmd.Env, fmt.Sprintf("MILLRACE_DEADLY=%s:%d", point.name, 1+v.random.Intn(most)))
	}
	return v.c.launch(cmd)
}

func (v *storeVictim) trace() string { return filepath.Join(v.folder, "restored") }

// lives writes lines until a process ends.
func (v *storeVictim) lives(p *process) {
	v.c.t.Helper()
	var gone chan struct{}
	if v.beside != nil {
		gone = v.beside.ended
	}
	for {
		v.write(40)
		select {
		case <-p.ended:
			return
		case <-gone:
			v.c.t.Fatalf("the process that is not killed ended by itself with exit code %d", v.beside.exit())
		case <-v.c.ctx.Done():
			v.c.t.Fatalf("the process does not come to its end: %v", p.cmd.Env[len(os.Environ()):])
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checkpoints reads from the victim's folder where its stores have their changelogs.
func (v *storeVictim) checkpoints() map[int32]int64 {
	v.c.t.Helper()
	at := map[int32]int64{}
	dir := filepath.Join(v.folder, fmt.Sprint(victimInstance), v.c.name)
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return at
	}
	db, err := pebble.Open(dir, &pebble.Options{ReadOnly: true, Logger: quiet{}})
	v.c.must(err)
	defer func() { v.c.must(db.Close()) }()
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{'s'}, UpperBound: []byte{'s' + 1}})
	v.c.must(err)
	defer func() { v.c.must(it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		var number uint32
		v.c.must(json.Unmarshal(it.Value(), &number))
		checkpoint, closer, err := db.Get(binary.BigEndian.AppendUint32([]byte{'c'}, number))
		v.c.must(err)
		var is struct{ Offset int64 }
		v.c.must(json.Unmarshal(checkpoint, &is))
		v.c.must(closer.Close())
		at[int32(binary.BigEndian.Uint32(it.Key()[len(it.Key())-4:]))] = is.Offset
	}
	return at
}

// quiet is a log of the database that nobody reads.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}

// checkRestored fails the test where the victim read something of a changelog that its folder had.
func (v *storeVictim) checkRestored() {
	v.c.t.Helper()
	b, err := os.ReadFile(v.trace())
	if os.IsNotExist(err) {
		return // it had nothing to read
	}
	v.c.must(err)
	seen := map[int32]bool{}
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var run struct {
			Partition      int32
			First, Records int64
			Anew           bool
		}
		v.c.must(d.Decode(&run))
		has := v.has[run.Partition]
		if has == 0 {
			continue
		}
		v.tail += run.Records
		if run.Anew || run.First < has {
			v.c.t.Errorf("the changelog of partition %d is read from offset %d (anew: %t), and the folder has all before %d", run.Partition, run.First, run.Anew, has)
		}
		if !seen[run.Partition] {
			seen[run.Partition] = true
			v.good++
			v.spared += has
		}
	}
}
