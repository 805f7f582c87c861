package framework

import (
	"fmt"
	"time"
)

// form says of what windows a changelog is: as other ones it must not be read. The grace does not matter, and an Assigner may change
// from some day on.
func (s *windowSpec) form(panes bool) string {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	switch s.kind {
	case byAssigned:
		return "windows of an Assigner"
	case bySession:
		return fmt.Sprintf("sessions with a gap of %s", ms(s.gap))
	case bySliding:
		return fmt.Sprintf("sliding windows of %s", ms(s.size))
	}
	form := fmt.Sprintf("windows of %s", ms(s.size))
	if s.advance != s.size {
		form += fmt.Sprintf(" each %s", ms(s.advance))
	}
	if s.offset != 0 {
		form += fmt.Sprintf(" from %s on", ms(s.offset))
	}
	if panes {
		form += ", in panes"
	}
	return form
}
