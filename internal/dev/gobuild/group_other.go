//go:build !unix

package gobuild

import "os/exec"

// inOwnGroup does nothing: a command is killed when its context ends, and the processes
// that it started end by themselves.
func inOwnGroup(*exec.Cmd) {}
