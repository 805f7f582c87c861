package local

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// Span is what a log holds: the offsets from Start to below End.
type Span struct {
	Start, End int64
	// Find returns the offset of the first record with this timestamp or a later one, End where there is none; nil: the
	// log knows no times, and Source.Start.At stands for its start.
	Find func(at time.Time) int64
}

// Begin decides where reading a log begins, as [connector.Source] says: at the committed position, or at Source.Start
// where nothing is committed (Offset below 0). It returns an error that wraps connector.ErrGap, names topic and
// partition, and says what to do, where the committed position is not in the log and SkipGap does not allow to go on at
// its start.
func Begin(s connector.Source, topic string, committed connector.Position, log Span) (connector.Assignment, error) {
	a := connector.Assignment{Partition: committed.Partition, Offset: committed.Offset, End: log.End, Metadata: committed.Metadata}
	switch {
	case a.Offset < 0:
		a.Offset, a.Metadata = log.Start, ""
		if s.Start.Latest {
			a.Offset = log.End
		} else if !s.Start.At.IsZero() && log.Find != nil {
			a.Offset = log.Find(s.Start.At)
		}
	case a.Offset < log.Start && s.SkipGap:
		a.Gap, a.Offset = log.Start-a.Offset, log.Start
	case a.Offset < log.Start:
		return a, fmt.Errorf("topic %s, partition %d: %w: offset %d is committed and the log begins at %d; keep records longer, or go on at the beginning with OnGap(framework.Skip), which counts the %d lost records",
			topic, a.Partition.Partition, connector.ErrGap, a.Offset, log.Start, log.Start-a.Offset)
	case a.Offset > log.End:
		return a, fmt.Errorf("topic %s, partition %d: %w: offset %d is committed and the log ends at %d; use another application name to begin anew",
			topic, a.Partition.Partition, connector.ErrGap, a.Offset, log.End)
	}
	return a, nil
}
