//go:build synctests

package file

// failEvery: with the tag of the fault tests each operation fails once.
const failEvery = 1
