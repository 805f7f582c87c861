package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// intoMap reads the changelog into a map for each partition, and waits for the end of ctx.
func intoMap(ctx context.Context, c config) error {
	var maps [partitions]map[string][]byte
	for i := range maps {
		maps[i] = map[string][]byte{}
	}
	return readChangelog(ctx, c, func(partition int32, records []*kgo.Record) error {
		m := maps[partition]
		for _, r := range records {
			if r.Value == nil {
				delete(m, string(r.Key))
				continue
			}
			m[string(r.Key)] = append(make([]byte, 0, len(r.Value)), r.Value...) // else all that was fetched stays in memory
		}
		return nil
	})
}

// intoPebble reads the changelog into a database, with the options of the framework's.
func intoPebble(ctx context.Context, c config) error {
	o := bareOptions(c.memory)
	db, err := pebble.Open(c.folder, o)
	if err != nil {
		return err
	}
	err = readChangelog(ctx, c, func(partition int32, records []*kgo.Record) error {
		b := db.NewBatch()
		for _, r := range records {
			key := append([]byte{byte(partition)}, r.Key...)
			var err error
			if r.Value == nil {
				err = b.Delete(key, nil)
			} else {
				err = b.Set(key, r.Value, nil)
			}
			if err != nil {
				return err
			}
		}
		return errors.Join(b.Commit(pebble.NoSync), b.Close())
	})
	return errors.Join(err, db.Close())
}

// readChangelog reads each partition up to its end with as many clients as there are workers, says when it begins and when all is read, and
// waits for the end of ctx.
func readChangelog(ctx context.Context, c config, take func(partition int32, records []*kgo.Record) error) error {
	say(begun, 0)
	var count atomic.Int64
	var readers sync.WaitGroup
	var errs [workers]error
	for i := range workers {
		readers.Go(func() { errs[i] = readShare(ctx, c, i, &count, take) })
	}
	readers.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	say(restored, count.Load())
	<-ctx.Done()
	return nil
}

// readShare reads every second partition, or what the number of clients makes of it.
func readShare(ctx context.Context, c config, share int, count *atomic.Int64, take func(int32, []*kgo.Record) error) error {
	from := map[int32]kgo.Offset{}
	for p := int32(share); p < partitions; p += workers {
		from[p] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.changelog(): from}))
	if err != nil {
		return err
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, c.changelog())
	if err != nil {
		return err
	}
	left := len(from)
	for left > 0 {
		fs := cl.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fs.Err()); err != nil {
			return err
		}
		fs.EachPartition(func(p kgo.FetchTopicPartition) {
			n := len(p.Records)
			if n == 0 || err != nil {
				return
			}
			err = take(p.Partition, p.Records)
			count.Add(int64(n))
			if end, _ := ends.Lookup(p.Topic, p.Partition); p.Records[n-1].Offset+1 >= end.Offset {
				left--
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
