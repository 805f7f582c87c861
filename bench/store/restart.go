package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/bench/report"
	"github.com/millrace/millrace/framework"
)

const (
	restartLimit = 3 * time.Second
	seenBefore   = 41 // records of each key, as the changelog has it
)

// raceToRestart measures how long an application takes from the start of its process to its first new record, when it was stopped with
// many keys in its folder. The keys come from a changelog, which the first start reads; what comes out shows that they are there.
func raceToRestart(ctx context.Context, c config) (passed bool, err error) {
	if c.side != "" {
		return true, c.restartable(ctx)
	}
	k, err := openCluster(ctx, c)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, k.close(context.WithoutCancel(ctx))) }()
	if err := k.load(ctx, k.changelog(), k.keys, restartKey, func(_ int, dst []byte) []byte { return binary.BigEndian.AppendUint64(dst, seenBefore) }); err != nil {
		return false, err
	}
	c = k.config
	passed = true
	number := 0
	for i, guarantee := range []string{"at-least-once", "exactly-once"} {
		if c.side = guarantee; !c.wants(guarantee) {
			continue
		}
		if number == 0 { // an application may go from one guarantee to the other
			took, err := k.restart(ctx, c, number)
			if err != nil {
				return false, err
			}
			fmt.Printf("     first start, all keys from the changelog: %v\n     the folder has %d MiB\n", took, folderBytes(c.folder)>>20)
			number++
		}
		var all []float64
		for run := range c.pairs {
			took, err := k.restart(ctx, c, number)
			if err != nil {
				return false, err
			}
			number++
			if i > 0 && run == 0 {
				fmt.Printf("     restart, %s, after a stop with the other guarantee: %v\n", guarantee, took)
				continue
			}
			all = append(all, took.record.Seconds())
			fmt.Printf("     restart, %s: %v\n", guarantee, took)
		}
		verdict := "PASS"
		if report.Median(all) > restartLimit.Seconds() || len(all) == 0 {
			verdict, passed = "FAIL", false
		}
		fmt.Printf("%s restart, %s, %d keys: median %.2f s <= %v\n", verdict, guarantee, c.keys, report.Median(all), restartLimit.Seconds())
	}
	return passed, nil
}

// restart writes a record, starts the application, waits for what comes of it, and stops it.
func (k *cluster) restart(ctx context.Context, c config, number int) (took restarting, err error) {
	if err := k.load(ctx, c.input(), 1, func(_ int, dst []byte) []byte { return restartKey(number, dst) }, func(_ int, dst []byte) []byte { return dst }); err != nil {
		return took, err
	}
	p, err := startChild(ctx, c)
	if err != nil {
		return took, err
	}
	var begins, whole, m moment
	begins, err = p.wait(begun)
	if err == nil {
		whole, err = p.wait(restored)
	}
	if err == nil {
		m, err = p.wait(processed)
	}
	if err == nil && m.Count != seenBefore+1 {
		err = fmt.Errorf("a key counts %d records, not %d: its state is not what it was", m.Count, seenBefore+1)
	}
	if err != nil {
		p.kill()
		return took, err
	}
	return restarting{m.At.Sub(p.started), begins.At.Sub(p.started), whole.At.Sub(p.started)}, p.stop()
}

// restarting is how long after the start of the process something was there.
type restarting struct{ record, assigned, restored time.Duration }

func (r restarting) String() string {
	return fmt.Sprintf("%.2f s from the start of the process to the first new record; assigned after %.2f s, restored after %.2f s",
		r.record.Seconds(), r.assigned.Seconds(), r.restored.Seconds())
}

// restartable is the application.
func (c config) restartable(ctx context.Context) error {
	guarantee := framework.AtLeastOnce
	if c.side == "exactly-once" {
		guarantee = framework.ExactlyOnce
	}
	return serve(ctx, c, counting, c.folder, guarantee)
}

func restartKey(i int, dst []byte) []byte { return fmt.Appendf(dst, "customer-%09d", i) }

// folderBytes returns what the files of a folder take.
func folderBytes(folder string) (bytes int64) {
	_ = filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				bytes += info.Size()
			}
		}
		return nil
	})
	return bytes
}
