//go:build !unix

package gobuild

import "os/exec"

// inOwnGroup does nothing: a command is killed when its context ends, and what it has
// started ends by itself.
func inOwnGroup(*exec.Cmd) {}
