//go:build !race

package simulation_test

const (
	seedsDefault = 8
	raced        = false
)
