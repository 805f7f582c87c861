package framework

import "fmt"

// guarantees are the texts of the guarantees, as the environment and flags have them.
var guarantees = [...]string{AtLeastOnce: "at-least-once", ExactlyOnce: "exactly-once"}

// String returns at-least-once or exactly-once.
func (g Guarantee) String() string {
	if g < 0 || int(g) >= len(guarantees) {
		return fmt.Sprintf("Guarantee(%d)", int8(g))
	}
	return guarantees[g]
}

// MarshalText returns what UnmarshalText reads, so that a guarantee can stand in a flag ([flag.TextVar]) or a file.
func (g Guarantee) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads at-least-once or exactly-once. Any other text is an error.
func (g *Guarantee) UnmarshalText(text []byte) error {
	for i, s := range guarantees {
		if s == string(text) {
			*g = Guarantee(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no guarantee: %s and %s are", text, AtLeastOnce, ExactlyOnce)
}
