package local

import "github.com/millrace/millrace/framework/connector"

// classes are the capacities of the slices of records that are handed out. A short run gets a short slice, since a
// reader may hold many.
var classes = [...]int{8, 128, 1024}

// recordPool keeps slices of records for reuse.
type recordPool struct {
	free [len(classes)][][]connector.Record
}

// pooled is how many slices of a class are kept.
const pooled = 64

// take returns an empty slice for up to n records.
func (p *recordPool) take(n int64) []connector.Record {
	class := 0
	for class < len(classes)-1 && n > int64(classes[class]) {
		class++
	}
	if free := p.free[class]; len(free) > 0 {
		records := free[len(free)-1]
		p.free[class] = free[:len(free)-1]
		return records
	}
	return make([]connector.Record, 0, classes[class])
}

// put takes a slice back.
func (p *recordPool) put(records []connector.Record) {
	clear(records)
	for i, n := range classes {
		if cap(records) == n && len(p.free[i]) < pooled {
			p.free[i] = append(p.free[i], records[:0])
		}
	}
}
