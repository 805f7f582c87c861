package frameworktest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/millrace/millrace/framework/connector"
)

// write writes, waits for all acknowledgements, and overwrites the bytes then. Where the connector is atomic it commits,
// too.
func (h *hand) write(outs ...connector.Out) error {
	if err := h.writeOpen(outs...); err != nil {
		return err
	}
	if h.trial.Connector.Capabilities().Atomic {
		return h.commit()
	}
	return nil
}

// writeOpen is write without the commit.
func (h *hand) writeOpen(outs ...connector.Out) error {
	acks := &acks{}
	h.acks = append(h.acks, acks)
	mine := make([]connector.Out, len(outs))
	for i, o := range outs {
		o.Key, o.Value = slices.Clone(o.Key), slices.Clone(o.Value)
		mine[i] = o
		acks.want(len(o.Key) + len(o.Value))
	}
	slice := slices.Clone(mine)
	h.Write(slice, acks.acked)
	clear(slice) // the slice is the caller's again
	err := h.until("acknowledgements", acks.complete)
	if err != nil {
		return err
	}
	for _, o := range mine {
		scribble(o.Key)
		scribble(o.Value)
	}
	return acks.fault()
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xee
	}
}

// acks counts acknowledgements.
type acks struct {
	mu                  sync.Mutex
	records, bytes      int // to come
	gotRecords, gotByte int
	err                 error
}

func (a *acks) want(bytes int) {
	a.records++
	a.bytes += bytes
}

func (a *acks) acked(bytes int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gotRecords++
	a.gotByte += bytes
	a.err = errors.Join(a.err, err)
}

func (a *acks) complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gotRecords >= a.records
}

func (a *acks) fault() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.err != nil:
		return fmt.Errorf("a record was refused: %w", a.err)
	case a.gotRecords != a.records:
		return fmt.Errorf("%d records were acknowledged, %d were written", a.gotRecords, a.records)
	case a.gotByte != a.bytes:
		return fmt.Errorf("%d bytes of keys and values were acknowledged, %d were written", a.gotByte, a.bytes)
	}
	return nil
}
