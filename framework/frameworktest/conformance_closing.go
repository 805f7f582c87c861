package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

func closingChecks() []check {
	return []check{
		{name: "closing twice is safe", run: closesTwice},
		{name: "closing before the first poll is safe", run: closesAtOnce},
		{name: "closing ends a poll that waits", run: closingEndsPoll},
		{name: "a wake ends a poll that waits", run: wakeEndsPoll},
		{name: "the end of its context ends a poll that waits", run: contextEndsPoll},
		{name: "a closed worker says so", run: closedSaysSo},
	}
}

// quiet opens a worker that has all it will get.
func quiet(t *trial) (*hand, error) {
	h, _, err := t.one("a")
	if err != nil {
		return nil, err
	}
	return h, h.until("the record", h.has(at(0, 0), 1))
}

func closesTwice(t *trial) error {
	h, err := quiet(t)
	if err != nil {
		return err
	}
	if err := h.close(); err != nil {
		return err
	}
	if err := t.soon("close once more", func() error { return h.Worker.Close(context.Background()) }); err != nil {
		return err
	}
	h, err = t.open(h.config)
	if err != nil {
		return err
	}
	return h.until("the partition at the next worker", h.owns(1))
}

func closesAtOnce(t *trial) error {
	h, c, err := t.one("a")
	if err != nil {
		return err
	}
	if err := h.close(); err != nil {
		return err
	}
	if h, err = t.open(c); err != nil {
		return err
	}
	return h.until("the partition at the next worker", h.owns(1))
}

// long is a wait that no check waits for.
const long = time.Hour

// polling polls in the background, again and again until it is enough.
func (h *hand) polling(ctx context.Context, enough func(error) bool) (ended <-chan struct{}) {
	out := make(chan struct{})
	go func() { // the check waits for it, unless it hangs, which is an error
		defer close(out)
		for {
			if _, err := h.Poll(ctx, long, true); enough(err) {
				return
			}
		}
	}()
	return out
}

func (t *trial) ended(when string, polling <-chan struct{}) error {
	select {
	case <-polling:
		return nil
	case <-time.After(t.author.Patience):
		return fmt.Errorf("%s the poll still waits, or goes on, after %s", when, t.author.Patience)
	}
}

func closingEndsPoll(t *trial) error {
	h, err := quiet(t)
	if err != nil {
		return err
	}
	ended := h.polling(t.ctx, func(err error) bool { return err != nil })
	if err := h.close(); err != nil {
		return err
	}
	return t.ended("after close", ended)
}

func wakeEndsPoll(t *trial) error {
	h, err := quiet(t)
	if err != nil {
		return err
	}
	for range 3 {
		ended := h.polling(t.ctx, func(error) bool { return true })
		h.Wake()
		if err := t.ended("after a wake", ended); err != nil {
			return err
		}
	}
	return nil
}

func contextEndsPoll(t *trial) error {
	h, err := quiet(t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(t.ctx)
	ended := h.polling(ctx, func(error) bool { return ctx.Err() != nil })
	cancel()
	if err := t.ended("after the end of its context", ended); err != nil {
		return err
	}
	return h.poll(time.Millisecond) // it was one poll that ended
}

func closedSaysSo(t *trial) error {
	h, err := quiet(t)
	if err != nil {
		return err
	}
	position := h.position(at(0, 0))
	if err := h.close(); err != nil {
		return err
	}
	err = t.soon("poll a closed worker", func() error {
		for range 20 { // events may have been left
			if _, err := h.Poll(t.ctx, 0, true); err != nil {
				return nil
			}
		}
		return errors.New("a closed worker polls")
	})
	if err != nil {
		return err
	}
	if err := h.commit(position); err == nil {
		return errors.New("a closed worker commits")
	}
	var told error
	acked := make(chan error, 2)
	h.Write([]connector.Out{{Topic: 1, Value: []byte("late")}}, func(_ int, err error) { acked <- err })
	if err := t.soon("a write to a closed worker", func() error { told = <-acked; return nil }); err != nil {
		return err
	}
	if told == nil {
		return errors.New("a closed worker acknowledges a write")
	}
	h.Pause([]connector.Partition{at(0, 0)}) // they must not panic
	h.Resume([]connector.Partition{at(0, 0)})
	h.RestoreStop([]connector.Partition{at(0, 0)})
	h.Purge([]connector.Position{position})
	h.Wake()
	return nil
}
