//go:build !race

package framework

const poolsForget = false
