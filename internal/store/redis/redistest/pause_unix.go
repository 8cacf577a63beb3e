//go:build unix

package redistest

import (
	"os"
	"syscall"
)

func pause(process *os.Process) error  { return process.Signal(syscall.SIGSTOP) }
func resume(process *os.Process) error { return process.Signal(syscall.SIGCONT) }
