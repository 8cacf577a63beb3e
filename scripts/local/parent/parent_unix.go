//go:build unix

package parent

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// interval is the time between checks of the parent.
const interval = 200 * time.Millisecond

// program returns the name of a process's program; "" if it is not known.
func program(pid int) string {
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		return string(name)
	}
	name, _ := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(pid)).Output()
	return string(name)
}

// await returns when pid is no longer the parent: the kernel gives an orphan another one.
func await(pid int) {
	for os.Getppid() == pid {
		time.Sleep(interval)
	}
}
