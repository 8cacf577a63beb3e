package parent

import (
	"os"
	"syscall"
	"unsafe"
)

// program returns the name of a process's program; "" if it is not known.
func program(pid int) string {
	processes, err := syscall.CreateToolhelp32Snapshot(syscall.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = syscall.CloseHandle(processes) }()
	entry := syscall.ProcessEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = syscall.Process32First(processes, &entry); err == nil; err = syscall.Process32Next(processes, &entry) {
		if int(entry.ProcessID) == pid {
			return syscall.UTF16ToString(entry.ExeFile[:])
		}
	}
	return ""
}

// await returns when the process has ended. On Windows any process can wait for any other.
func await(pid int) {
	if process, err := os.FindProcess(pid); err == nil {
		_, _ = process.Wait()
	}
}
