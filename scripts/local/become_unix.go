//go:build unix

package main

import (
	"os"
	"syscall"
)

// become replaces this process by the program, so that signals, the terminal and the exit
// status are the program's. It returns only if that fails.
func become(program string, args []string) (status int, err error) {
	return statusFailed, syscall.Exec(program, args, os.Environ())
}
