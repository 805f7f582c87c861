//go:build planted

package simulation_test

func init() { *planted = true }
