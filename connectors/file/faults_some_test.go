//go:build !synctests

package file

// failEvery: each variant of the test begins at another operation, so that together they meet most of them.
const failEvery = 5
