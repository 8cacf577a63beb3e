package redistest

import "syscall"

// endWithUs has the kernel kill the server should the test's process die first.
func endWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
