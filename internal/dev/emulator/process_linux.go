package emulator

import (
	"os"
	"syscall"
)

// ownGroup puts the process at the head of its own group. The kernel kills it if we end
// first.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
