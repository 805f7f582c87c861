package framework_test

import "github.com/millrace/millrace/framework"

// The functions of the seed examples that are not there yet.

type none = framework.None

func inc(n int) int { return n + 1 }
