//go:build unix

package main

import (
	"os"
	"syscall"
)

// become makes this process the program, so that signals, the terminal and the exit
// status are its own. It returns only if that fails.
func become(program string, args []string) (status int, err error) {
	return statusFailed, syscall.Exec(program, args, os.Environ())
}
