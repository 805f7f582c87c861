package engine

import (
	"bytes"
	"fmt"
	"testing"
)

func TestWhatAnArenaKeepsStaysUntilItIsReleased(t *testing.T) {
	var pool Pool
	a := pool.NewArena()
	var kept [][]byte
	var want []string
	for i := range 5000 { // several blocks
		s := fmt.Sprintf("%d:%s", i, bytes.Repeat([]byte{'x'}, i%700))
		kept, want = append(kept, a.Copy([]byte(s))), append(want, s)
	}
	for i := range kept {
		if string(kept[i]) != want[i] {
			t.Fatalf("the %d-th is %q, want %q", i, kept[i], want[i])
		}
	}
	if a.Bytes() < 1<<20 {
		t.Errorf("it holds %d bytes", a.Bytes())
	}
}

func TestAnAppendToWhatAnArenaKeptDoesNotReachItsNeighbour(t *testing.T) {
	a := new(Pool).NewArena()
	first := a.Copy([]byte("first"))
	second := a.Copy([]byte("second"))
	_ = append(first, "overrun"...)
	if string(second) != "second" {
		t.Errorf("the neighbour is %q", second)
	}
}

func TestASliceThatOutgrowsItsBlockHasMemoryOfItsOwn(t *testing.T) {
	a := new(Pool).NewArena()
	small := a.Copy([]byte("small"))
	large := a.Copy(bytes.Repeat([]byte{'l'}, 2*blockBytes))
	next := a.Copy([]byte("next"))
	if string(small) != "small" || len(large) != 2*blockBytes || string(next) != "next" {
		t.Errorf("got %q, %d bytes, %q", small, len(large), next)
	}
	if a.Bytes() != blockBytes {
		t.Errorf("the arena counts %d bytes, one block is %d", a.Bytes(), blockBytes)
	}
}

func TestAnEmptyCopyIsNotNil(t *testing.T) {
	if b := new(Pool).NewArena().Copy([]byte{}); b == nil || len(b) != 0 {
		t.Errorf("got %#v", b)
	}
}

func TestAnArenaReleasesItsBlocksToItsPool(t *testing.T) {
	var pool Pool
	for range 3 {
		a := pool.NewArena()
		for range 100 {
			a.Copy(make([]byte, 2000))
		}
		a.Release()
		if a.Bytes() != 0 {
			t.Errorf("it holds %d bytes after its release", a.Bytes())
		}
	}
	if n := len(pool.blocks); n != 4 {
		t.Errorf("the pool has %d blocks", n)
	}
	a := pool.NewArena()
	if allocs := testing.AllocsPerRun(100, func() { a.Copy([]byte("steady")) }); allocs > 0 {
		t.Errorf("%.1f allocations a copy", allocs)
	}
}
