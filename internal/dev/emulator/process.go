package emulator

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// process is one running copy of a function's binary, alone in its process group.
type process struct {
	cmd     *exec.Cmd
	log     *processLog
	started time.Time
	exited  chan struct{} // closed when the process is reaped and its log is read to the end
}

// startProcess runs the binary with exactly the given environment and nothing of ours.
func startProcess(f Function, environ []string) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("emulator: function %s: log pipe: %w", f.Name, err)
	}
	cmd := exec.Command(f.Binary)
	cmd.Dir = filepath.Dir(f.Binary)
	cmd.Env = environ
	cmd.Stdout = write
	cmd.Stderr = write
	cmd.SysProcAttr = ownGroup()

	p := &process{cmd: cmd, log: newProcessLog(f.Log, write), started: time.Now(), exited: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(read, write, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("emulator: function %s: %w", f.Name, err)
	}
	return p, nil
}

// run starts the process and stays with it until it is gone. The thread is locked because
// the parent-death signal follows the thread that started the process, and the Go runtime
// may end an idle thread.
func (p *process) run(read, write *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer read.Close()
	defer write.Close()

	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	logRead := make(chan struct{})
	go func() {
		defer close(logRead)
		p.log.copy(read)
	}()
	started <- nil

	_ = p.cmd.Wait()         // ProcessState has the result
	killGroup(p.cmd.Process) // everything that it has started and left
	write.Close()
	// A descendant that left the group may hold the pipe open forever.
	_ = read.SetReadDeadline(time.Now().Add(time.Second))
	<-logRead
	close(p.exited)
}

// kill ends the whole process group and returns when it is gone. It may be called more than once.
func (p *process) kill() {
	if !p.gone() {
		killGroup(p.cmd.Process)
		<-p.exited
	}
}

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// status returns how the process ended, such as "exit status 1" or "signal: killed". Call
// it after exited is closed.
func (p *process) status() string {
	return p.cmd.ProcessState.String()
}
