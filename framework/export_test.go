package framework

import "io"

// Live shows a table on w as on a terminal of that size.
func Live[K comparable, V any](t Table[K, V], w io.Writer, width, height int) {
	live(t, w, func() (int, int, error) { return width, height, nil })
}

// RunMain is what Main runs, with another environment.
var RunMain = run
