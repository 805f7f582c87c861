//go:build !race

package driver_test

// simDefault is how many seeds a run simulates.
const simDefault = 200

const plantsRace = false
