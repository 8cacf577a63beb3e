package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// throttlePeriod is the period of the quota: Lambda's own. (It gives a function its share
// of a core every 20 ms.)
const throttlePeriod = 20 * time.Millisecond

// throttle is a cgroup whose processes get a share of one core. Make it with
// newThrottle.
type throttle struct {
	folder string
	v2     bool
}

// newThrottle makes a cgroup of version 1 or 2. The error says why neither is possible, for
// example without root.
func newThrottle() (*throttle, error) {
	name := fmt.Sprintf("sotercall-bench-%d", os.Getpid())
	var problems []error
	for _, t := range []*throttle{
		{folder: filepath.Join("/sys/fs/cgroup/cpu", name)},
		{folder: filepath.Join("/sys/fs/cgroup", name), v2: true},
	} {
		if err := t.make(); err != nil {
			problems = append(problems, err)
			continue
		}
		return t, nil
	}
	return nil, fmt.Errorf("no cgroup can be made: %w", errors.Join(problems...))
}

func (t *throttle) make() error {
	if t.v2 {
		if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
			return err
		}
		if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+cpu"), 0o600); err != nil {
			return err
		}
	} else if _, err := os.Stat("/sys/fs/cgroup/cpu/tasks"); err != nil {
		return err
	}
	if err := os.Mkdir(t.folder, 0o700); err != nil {
		return err
	}
	if err := t.open(); err != nil {
		return errors.Join(err, t.remove())
	}
	return nil
}

// open removes the limit.
func (t *throttle) open() error {
	if t.v2 {
		return t.write("cpu.max", fmt.Sprintf("max %d", throttlePeriod.Microseconds()))
	}
	return errors.Join(t.write("cpu.cfs_period_us", strconv.FormatInt(throttlePeriod.Microseconds(), 10)), t.write("cpu.cfs_quota_us", "-1"))
}

// limit gives the processes a share of one core, from now on.
func (t *throttle) limit(share float64) error {
	quota := strconv.FormatInt(int64(share*float64(throttlePeriod.Microseconds())), 10)
	if t.v2 {
		return t.write("cpu.max", fmt.Sprintf("%s %d", quota, throttlePeriod.Microseconds()))
	}
	return t.write("cpu.cfs_quota_us", quota)
}

func (t *throttle) write(file, text string) error {
	return os.WriteFile(filepath.Join(t.folder, file), []byte(text), 0o600)
}

// start starts a program inside.
func (t *throttle) start(cmd *exec.Cmd) error {
	if t.v2 {
		folder, err := os.Open(t.folder)
		if err != nil {
			return err
		}
		defer folder.Close()
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())}
		return cmd.Start()
	}
	// A child starts in the cgroup of the thread that starts it.
	started := make(chan error)
	go func() { started <- t.startInside(cmd) }()
	return <-started
}

// startInside moves this thread into the cgroup, and out again.
func (t *throttle) startInside(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	home, err := home()
	if err != nil {
		return err
	}
	thread := []byte(strconv.Itoa(syscall.Gettid()))
	if err := os.WriteFile(filepath.Join(t.folder, "tasks"), thread, 0o600); err != nil {
		return err
	}
	err = cmd.Start()
	if back := os.WriteFile(filepath.Join(home, "tasks"), thread, 0o600); back != nil {
		return errors.Join(err, back) // the thread stays locked, so that nothing else runs on it
	}
	runtime.UnlockOSThread()
	return err
}

// home returns the cgroup of version 1 of this process.
func home() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // number, controllers, path
		if len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), "cpu") {
			return filepath.Join("/sys/fs/cgroup/cpu", fields[2]), nil
		}
	}
	return "", errors.New("no cgroup of this process has the controller cpu")
}

// remove removes the cgroup, whose processes have ended.
func (t *throttle) remove() error {
	var err error
	for range 100 { // the kernel needs a moment after the last process
		if err = os.Remove(t.folder); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}
