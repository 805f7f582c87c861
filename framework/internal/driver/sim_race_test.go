//go:build race

package driver_test

// simDefault is lower here: under the race detector a seed takes ten times as long.
const simDefault = 60
