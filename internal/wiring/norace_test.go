//go:build !race

package wiring

// raced says that the race detector watches, which makes everything ten times slower.
const raced = false
