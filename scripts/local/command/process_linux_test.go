package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/test/need"
)

// process returns local as a process of its own, and the folder that is the only one
// where it and all that it starts make temporary files.
func process(t *testing.T, args ...string) (local *exec.Cmd, temporary string) {
	t.Helper()
	temporary = t.TempDir()
	local = exec.Command(os.Args[0], args...)
	local.Env = append(os.Environ(), asCommand+"=yes", "TMPDIR="+temporary)
	return local, temporary
}

// requireNothingLeft looks for files in a process's temporary folder, and for
// processes that have to do with it.
func requireNothingLeft(t *testing.T, temporary string) {
	t.Helper()
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.Empty(t, processesOf(temporary))
}

func processesOf(folder string) (found []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		program, _ := os.Readlink(p + "/exe")
		command, _ := os.ReadFile(p + "/cmdline")
		environment, _ := os.ReadFile(p + "/environ")
		if p != fmt.Sprint("/proc/", os.Getpid()) && strings.Contains(program+string(command)+string(environment), folder) {
			found = append(found, strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	exit := (*exec.ExitError)(nil)
	if err == nil {
		return 0
	}
	require.ErrorAs(t, err, &exit)
	return exit.ExitCode() // -1 if a signal ended it
}

func TestExitStatus(t *testing.T) {
	for args, want := range map[string]int{"help": 0, "dance": 2, "demo -dance": 2, "invoke missing.json": 1} {
		local, _ := process(t, strings.Fields(args)...)
		out, err := local.CombinedOutput()
		assert.Equal(t, want, exitCode(t, err), "%s: %s", args, out)
	}
}

func TestWhatCannotBePrintedIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()
	local, _ := process(t, "help")
	var log bytes.Buffer
	local.Stdout, local.Stderr = full, &log
	assert.Equal(t, 1, exitCode(t, local.Run()))
	assert.Contains(t, log.String(), "no space left on device")
}

func TestCtrlCDuringTheBuild(t *testing.T) {
	need.Time(t)
	for name, signal := range map[string]os.Signal{"Ctrl-C": os.Interrupt, "SIGTERM": unix.SIGTERM} {
		local, temporary := process(t, "demo")
		local.Env = append(local.Env, "GOCACHE="+t.TempDir(), gobuild.SharedFolder+"=") // so that it takes long
		var log bytes.Buffer
		local.Stderr = &log
		require.NoError(t, local.Start())
		require.Eventually(t, func() bool {
			return slices.ContainsFunc(processesOf(temporary), func(command string) bool {
				return strings.Contains(command, "/compile ") && strings.Contains(command, " -p runtime ")
			})
		}, time.Minute, time.Millisecond, "the compiler is busy with a large package")
		require.NoError(t, local.Process.Signal(signal))
		assert.Equal(t, statusInterrupted, exitCode(t, local.Wait()), name)
		assert.Equal(t, english.Say("build.begin")+"\n  1 of 4: token\nlocal: interrupted\n", log.String(), name)
		requireNothingLeft(t, temporary)
	}
}

func TestAReaderMayLeaveTheDemoEarly(t *testing.T) {
	need.Time(t)
	local, temporary := process(t, "demo")
	log := newOutput()
	local.Stderr = log
	out, err := local.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, local.Start())
	lines := bufio.NewReader(out)
	for line := ""; !strings.Contains(line, "genuine"); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err, log.String())
	}
	assert.NotEmpty(t, processesOf(temporary), "the twin: what runs is found")
	require.NoError(t, out.Close())
	assert.Equal(t, 0, exitCode(t, local.Wait()), "it says whether all of the demo went well")
	assert.Equal(t, english.Say("build.begin")+"\n  1 of 4: token\n  2 of 4: challenge\n  3 of 4: verify\n  4 of 4: service\n", log.String())
	requireNothingLeft(t, temporary)
}

func TestCtrlCEndsServe(t *testing.T) {
	need.Time(t)
	local, temporary := process(t, "-addr", "127.0.0.1:0", "-phones", t.TempDir())
	out, err := local.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, local.Start())
	lines := bufio.NewReader(out)
	for line := ""; !strings.Contains(line, "until Ctrl-C"); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	assert.NotEmpty(t, processesOf(temporary), "the twin: what runs is found")
	require.NoError(t, local.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, lines)
	require.NoError(t, err)
	assert.Equal(t, 0, exitCode(t, local.Wait()))
	requireNothingLeft(t, temporary)
}

// A go command that is ended by its process id passes no signal on.
func TestTheEndOfGoRunEndsServe(t *testing.T) {
	need.Time(t)
	for name, signal := range map[string]os.Signal{"SIGTERM": unix.SIGTERM, "SIGKILL": unix.SIGKILL} {
		temporary := t.TempDir()
		goRun := exec.Command("go", "run", "./scripts/local", "-addr", "127.0.0.1:0", "-phones", t.TempDir())
		goRun.Dir = "../../.."
		goRun.Env = append(os.Environ(), "TMPDIR="+temporary, "GOTMPDIR="+t.TempDir())
		out, err := goRun.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, goRun.Start())
		lines := bufio.NewReader(out)
		for line := ""; !strings.Contains(line, "until Ctrl-C"); {
			line, err = lines.ReadString('\n')
			require.NoError(t, err, name)
		}
		assert.NotEmpty(t, processesOf(temporary), "the twin: what runs is found")
		require.NoError(t, goRun.Process.Signal(signal))
		_, err = io.Copy(io.Discard, lines) // until nothing has the other end any more
		require.NoError(t, err)
		assert.Error(t, goRun.Wait(), name)
		requireNothingLeft(t, temporary)
	}
}

// onTerminal runs a command with a terminal for all that it prints, and returns that.
func onTerminal(t *testing.T, local *exec.Cmd) string {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	need.Met(t, err)
	defer terminal.Close()
	require.NoError(t, unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	end, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	local.Stdout, local.Stderr = end, end
	require.NoError(t, local.Start())
	require.NoError(t, end.Close())
	out, err := io.ReadAll(terminal)
	if !errors.Is(err, unix.EIO) { // how Linux says that nobody has the other end any more
		require.NoError(t, err)
	}
	require.NoError(t, local.Wait(), string(out))
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

func TestDemoOnATerminal(t *testing.T) {
	need.Time(t)
	for _, c := range []struct {
		variable         string
		colours, control bool
	}{
		{"TERM=xterm", true, true},
		{"NO_COLOR=1", false, true},
		{"TERM=dumb", false, false},
	} {
		local, _ := process(t, "demo")
		local.Env = append(local.Env, "TERM=xterm", "NO_COLOR=", c.variable)
		out := onTerminal(t, local)
		assert.Equal(t, c.colours, strings.Contains(out, "\x1b[32m✓\x1b[0m genuine, Android"), c.variable)
		assert.Equal(t, !c.colours, strings.Contains(out, "\n✓ genuine, Android"), c.variable)
		assert.Equal(t, c.control, strings.Contains(out, "\r\x1b[K"+english.Say("build.begin")+" 1 of 4, 0 s"), c.variable)
		assert.Equal(t, !c.control, strings.Contains(out, "\n  1 of 4: token\n"), c.variable)
		assert.Equal(t, c.colours || c.control, strings.Contains(out, "\x1b"), c.variable)
	}
}
