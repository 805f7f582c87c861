//go:build race

package simulation_test

const (
	engineSeedsDefault = 200
	seedsDefault       = 1
	raced              = true
)
