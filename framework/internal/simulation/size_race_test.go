//go:build race

package simulation_test

const (
	seedsDefault = 2
	raced        = true
)
