//go:build !race

package simulation_test

const (
	engineSeedsDefault = 1000
	seedsDefault       = 5
	raced              = false
)
