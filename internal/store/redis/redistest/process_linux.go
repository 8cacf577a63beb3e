package redistest

import "syscall"

// endWithUs has the kernel kill the server if the test's process dies first.
func endWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
