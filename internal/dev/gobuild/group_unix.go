//go:build unix

package gobuild

import (
	"os/exec"
	"syscall"
)

// inOwnGroup makes a command stop, when its context ends, together with the processes that
// it started: the go command alone would leave its compilers running.
func inOwnGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
}
