//go:build race

package simulation_test

const (
	engineSeedsDefault = 200
	seedsDefault       = 2
	raced              = true
)
