//go:build race

package framework

// poolsForget: under the race detector a sync.Pool drops what is put into it at random.
const poolsForget = true
