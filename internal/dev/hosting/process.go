package hosting

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is a running function. Its resource use is read from Linux' /proc.
type Process struct{ pid int }

// childRunning returns our only child that runs a binary; a binary that is hosted twice is
// hosted from two links.
func childRunning(binary string) (Process, error) {
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return Process{}, err
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != binary {
			continue // not ours, or gone
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			return Process{}, err
		}
		return Process{pid}, nil
	}
	return Process{}, fmt.Errorf("no process in /proc runs %s", binary)
}

func (p Process) file(name string) string { return fmt.Sprintf("/proc/%d/%s", p.pid, name) }

// CPU returns the CPU time of all threads, in nanoseconds by the scheduler's clock: utime
// and stime count in ticks of 10 ms. Go's runtime does not end the threads that a function
// makes, so none is missed.
func (p Process) CPU() (time.Duration, error) {
	threads, err := filepath.Glob(p.file("task/*/schedstat"))
	if err != nil {
		return 0, err
	}
	if len(threads) == 0 {
		return 0, errors.New("no schedstat in /proc")
	}
	var total time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		running, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ns)
	}
	return total, nil
}

// Resident returns the memory in RAM, in bytes. smaps_rollup counts the pages; the numbers
// in statm and status are estimates.
func (p Process) Resident() (int64, error) {
	text, err := os.ReadFile(p.file("smaps_rollup"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Rss:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no Rss in smaps_rollup")
}

// Descriptors returns the number of open files, connections included.
func (p Process) Descriptors() (int, error) {
	entries, err := os.ReadDir(p.file("fd"))
	return len(entries), err
}

// ProcessOf returns the process with a PID.
func ProcessOf(pid int) Process { return Process{pid} }
