package driver

import (
	"reflect"
)

// One function a digit: what tells them apart is that they are on the stack.

//go:noinline
func d0(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d1(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d2(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d3(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d4(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d5(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d6(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d7(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d8(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d9(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d10(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d11(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d12(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d13(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d14(number uint32, left int, f func()) { write(number, left, f) }

//go:noinline
func d15(number uint32, left int, f func()) { write(number, left, f) }

func pointerOf(f func(uint32, int, func())) uintptr { return reflect.ValueOf(f).Pointer() }
