package emulator

import (
	"os"
	"syscall"
)

// ownGroup puts the process at the head of its own group, and has the kernel kill it should we die first.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
