package disk_test

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/millrace/millrace/framework/state/disk"
)

var cuts = flag.Int("disk.cuts", 100, "how many writes to the disk are made to fail, each in a run of its own, in each of the ways")

// script writes to a store, in an order that its seed gives, until something fails or it is done. at has the content at each offset.
type script struct {
	rng *rand.Rand
	log string // "": of a store that nobody reads, so that commits are held
	is  [10]string
	at  []string
}

const scriptCommits = 40

func newScript(seed uint64) *script {
	return &script{rng: rand.New(rand.NewPCG(seed, 7)), log: []string{"", "log"}[seed%2], at: []string{""}}
}

func (s *script) run(fs vfs.FS) (err error) {
	db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 8 << 20, FS: fs})
	if err != nil {
		return err
	}
	defer func() { // an error of the end counts where there was none before
		if closed := db.Close(); err == nil {
			err = closed
		}
	}()
	table, err := db.Open("counts", 0, "a table")
	if err != nil {
		return err
	}
	for offset := int64(len(s.at)); offset <= scriptCommits; offset++ {
		b := table.Batch()
		for range s.rng.IntN(8) {
			i := s.rng.IntN(len(s.is))
			var value []byte
			if s.is[i] = ""; s.rng.IntN(4) > 0 {
				s.is[i] = strings.Repeat(fmt.Sprint(offset, "."), 1+s.rng.IntN(20_000))
				value = []byte(s.is[i])
			}
			if err := b.Set([]byte{'k', byte('0' + i)}, value, offset); err != nil {
				return err
			}
		}
		s.at = append(s.at, s.content())
		if err := b.Commit(offset, s.log, noon); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) content() string {
	var all []string
	for i, v := range s.is {
		if v != "" {
			all = append(all, fmt.Sprint("k", i, "=", v))
		}
	}
	return strings.Join(all, " ")
}

// verify opens what is left: it is what it was at some commit, or says that it is damaged.
func (s *script) verify(fs vfs.FS, mayBeDamaged bool) (offset int64, err error) {
	db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 8 << 20, FS: fs})
	if err != nil {
		if mayBeDamaged {
			return 0, nil
		}
		return 0, fmt.Errorf("what a failure left cannot be opened: %w", err)
	}
	defer db.Close()
	table, err := db.Open("counts", 0, "a table")
	var got []string
	if err == nil {
		err = table.Range(nil, nil, func(k, v []byte, _ int64) bool { got = append(got, string(k)+"="+string(v)); return true })
	}
	if err != nil {
		if mayBeDamaged {
			return 0, nil
		}
		return 0, err
	}
	offset = table.Checkpoint().Offset
	if offset < 0 || int(offset) >= len(s.at) || strings.Join(got, " ") != s.at[offset] {
		return offset, fmt.Errorf("up to offset %d it has not what it had then", offset)
	}
	return offset, nil
}

// A disk that fails at any write, once or from then on, or that is full: an error says so, nothing hangs, and what is left is what it was at a commit.
func TestADiskThatFailsAtAnyWriteIsAnErrorAndDamagesNothing(t *testing.T) {
	for name, fails := range map[string]func(n, cut int64) error{
		"once":         func(n, cut int64) error { return when(n == cut, errorfs.ErrInjected) },
		"from then on": func(n, cut int64) error { return when(n >= cut, errorfs.ErrInjected) },
		"full":         func(n, cut int64) error { return when(n >= cut, syscall.ENOSPC) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed, kept := 0, 0
			for cut := int64(1); cut <= int64(*cuts); cut++ {
				mem := vfs.NewCrashableMem()
				var writes atomic.Int64
				var over atomic.Bool
				s := newScript(uint64(cut))
				err := s.run(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
						return nil
					}
					if over.Load() {
						select {} // the database would try for ever
					}
					return fails(writes.Add(1), cut)
				})))
				over.Store(true)
				if err != nil {
					failed++
					if !strings.Contains(err.Error(), "state folder state") {
						t.Errorf("cut %d: the error does not say where: %v", cut, err)
					}
				}
				offset, err := s.verify(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: s.rng}), false)
				if err != nil {
					t.Errorf("cut %d: %v", cut, err)
				}
				if offset > 0 {
					kept++
				}
			}
			if failed == 0 || kept == 0 {
				t.Errorf("%d of %d runs failed, and %d kept something: this proves nothing", failed, *cuts, kept)
			}
			t.Logf("%d writes failed; %d runs ended with an error, %d had something before that", *cuts, failed, kept)
		})
	}
}

// A machine that stops at any write leaves any part of what was not forced to the disk: what is there is what some commit left.
func TestAfterACrashAFolderIsWhatItWasAtSomeCommit(t *testing.T) {
	kept, lost := 0, 0
	for cut := int64(1); cut <= int64(*cuts); cut++ {
		mem := vfs.NewCrashableMem()
		s := newScript(uint64(cut))
		var writes atomic.Int64
		var crashed *vfs.MemFS
		torn := rand.New(rand.NewPCG(uint64(cut), 8))
		err := s.run(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && writes.Add(1) == cut {
				crashed = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: torn.IntN(101), RNG: torn})
			}
			return nil
		})))
		if err != nil {
			t.Fatal(err)
		}
		if crashed == nil {
			continue // there are not so many writes
		}
		offset, err := s.verify(crashed, false)
		if err != nil {
			t.Errorf("cut %d: %v", cut, err)
		}
		if lost++; offset > 0 {
			kept++
		}
	}
	if kept == 0 {
		t.Error("no crash left anything: this proves nothing")
	}
	t.Logf("%d crashes, %d left something", lost, kept)
}

func when(b bool, err error) error {
	if b {
		return err
	}
	return nil
}

// A byte that is another one than what was written is never taken for the truth.
func TestAFlippedByteIsNeverTakenForTheTruth(t *testing.T) {
	noticed, harmless := 0, 0
	for seed := range uint64(*cuts / 4) {
		mem := vfs.NewMem()
		s := newScript(seed)
		if err := s.run(mem); err != nil {
			t.Fatal(err)
		}
		flip(t, mem, s.rng)
		offset, err := s.verify(mem, true)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if offset < scriptCommits {
			noticed++
		} else {
			harmless++
		}
	}
	if noticed == 0 {
		t.Error("no flipped byte was noticed: this proves nothing")
	}
	t.Logf("%d flipped bytes were noticed, %d changed nothing", noticed, harmless)
}

// flip changes a byte of some file.
func flip(t *testing.T, fs *vfs.MemFS, rng *rand.Rand) {
	t.Helper()
	names, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	for {
		name := fs.PathJoin("state", names[rng.IntN(len(names))])
		f, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if len(content) == 0 {
			continue
		}
		content[rng.IntN(len(content))] ^= 1 << rng.IntN(8)
		if f, err = fs.Create(name, "test"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
}
