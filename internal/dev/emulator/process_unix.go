//go:build unix && !linux

package emulator

import (
	"os"
	"syscall"
)

// ownGroup puts the process at the head of its own group. Only Linux can also end it with
// us.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
