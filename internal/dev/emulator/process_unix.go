//go:build unix && !linux

package emulator

import (
	"os"
	"syscall"
)

// ownGroup puts the process at the head of its own group. Only Linux can also tie its life to ours.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
