package kafka

import "github.com/twmb/franz-go/pkg/kadm"

// deleteRecords deletes the records of a topic below the offsets.
func (w *worker) deleteRecords(topic string, partitions map[int32]int64) error {
	var below kadm.Offsets
	for p, at := range partitions {
		below.AddOffset(topic, p, at, -1)
	}
	done, err := w.admin.DeleteRecords(w.ctx, below)
	if err != nil {
		return err
	}
	return done.Error()
}
