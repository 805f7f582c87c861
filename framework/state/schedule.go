package state

import "slices"

// never is the time of what is not due at all.
const never = 1<<63 - 1

// Schedule keeps numbers by the time at which they are due. One time gives them back in the order in which they were added.
// The zero Schedule is empty.
type Schedule struct {
	times   []int64         // a heap of the times in at
	at      map[int64]int32 // time -> place in due
	due     [][]int32
	taken   int  // of the first time's numbers
	sorted  bool // the rest of them are
	unused  []int32
	numbers int
}

// Add adds a number; it is not looked for among those that are there.
func (s *Schedule) Add(time int64, number int32) {
	if s.at == nil {
		s.at = map[int64]int32{}
	}
	place, ok := s.at[time]
	if !ok {
		if n := len(s.unused); n > 0 {
			place, s.unused = s.unused[n-1], s.unused[:n-1]
		} else {
			place = int32(len(s.due))
			s.due = append(s.due, nil)
		}
		s.at[time] = place
		s.push(time)
	}
	s.due[place] = append(s.due[place], number)
	s.sorted = s.sorted && s.times[0] != time
	s.numbers++
}

// Next returns the earliest time; never where there is none.
func (s *Schedule) Next() int64 {
	if len(s.times) == 0 {
		return never
	}
	return s.times[0]
}

// Take takes a number of the earliest time out.
func (s *Schedule) Take() (number int32) {
	place := s.at[s.times[0]]
	number = s.due[place][s.taken]
	s.taken++
	s.numbers--
	if s.taken == len(s.due[place]) {
		s.forget(place)
	}
	return number
}

// First returns a number of the earliest time, which Take takes next.
func (s *Schedule) First() (number int32) { return s.due[s.at[s.times[0]]][s.taken] }

// Filter drops what does not stand any more, and of a number that is there more than once at a time all but the first. once: of one
// that is there at several times all but one, too.
func (s *Schedule) Filter(once bool, stands func(time int64, number int32) bool) {
	s.rest()
	var left Schedule
	var seen []int32 // by number: the last of the times at which it is left, from 1 on
	for i, time := range s.times {
		now := int32(i + 1)
		if once {
			now = 1
		}
		for _, number := range s.due[s.at[time]] {
			for int(number) >= len(seen) {
				seen = append(seen, 0)
			}
			if seen[number] != now && stands(time, number) {
				left.Add(time, number)
				seen[number] = now
			}
		}
	}
	*s = left
}

// Ahead returns how many numbers the earliest time has.
func (s *Schedule) Ahead() int {
	if len(s.times) == 0 {
		return 0
	}
	return len(s.due[s.at[s.times[0]]]) - s.taken
}

// Sort brings the numbers of the earliest time into an order.
func (s *Schedule) Sort(compare func(a, b int32) int) {
	if !s.sorted {
		slices.SortFunc(s.due[s.at[s.times[0]]][s.taken:], compare)
		s.sorted = true
	}
}

// Len returns how many numbers there are.
func (s *Schedule) Len() int { return s.numbers }

// forget drops the earliest time, whose numbers are all taken.
func (s *Schedule) forget(place int32) {
	if cap(s.due[place]) > 1<<10 {
		s.due[place] = nil // one large window is no reason to keep its memory
	}
	s.due[place] = s.due[place][:0]
	s.unused = append(s.unused, place)
	delete(s.at, s.times[0])
	s.taken, s.sorted = 0, false
	s.pop()
}

func (s *Schedule) push(time int64) {
	if len(s.times) > 0 && time < s.times[0] {
		s.rest() // numbers of the time that was the first one are taken from its beginning again
		s.sorted = false
	}
	s.times = append(s.times, time)
	for i := len(s.times) - 1; i > 0; {
		up := (i - 1) / 2
		if s.times[up] <= s.times[i] {
			break
		}
		s.times[up], s.times[i] = s.times[i], s.times[up]
		i = up
	}
}

// rest drops what is taken already of the first time.
func (s *Schedule) rest() {
	if s.taken > 0 {
		place := s.at[s.times[0]]
		s.due[place] = append(s.due[place][:0], s.due[place][s.taken:]...)
		s.taken = 0
	}
}

func (s *Schedule) pop() {
	last := len(s.times) - 1
	s.times[0] = s.times[last]
	s.times = s.times[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if s.times[child] < s.times[least] {
				least = child
			}
		}
		if least == i {
			return
		}
		s.times[i], s.times[least] = s.times[least], s.times[i]
		i = least
	}
}
