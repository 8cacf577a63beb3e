// Package need declares what a test needs of the computer: a program, packages of npm, the
// tools of scripts/tools, or time. If it is missing on a developer's computer, the test is
// skipped, with the reason. With CI set the test fails, so that no gap goes unnoticed
// there.
package need

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sotercall/internal/test/nodemodules"
	"sotercall/internal/test/tools"
)

// Met does nothing if problem is nil. Otherwise problem says what is missing, and the test
// ends: skipped, or failed if the variable CI is set.
func Met(t testing.TB, problem error) {
	t.Helper()
	switch {
	case problem == nil:
	case os.Getenv("CI") != "":
		t.Fatal(problem)
	default:
		skip(t, problem)
	}
}

// Optional is Met for what may be missing in CI as well, such as a program that is too
// large to install there. The test is skipped everywhere.
func Optional(t testing.TB, problem error) {
	t.Helper()
	if problem != nil {
		skip(t, problem)
	}
}

// RequireEngine names a variable. If it is set, tests fail where Docker's engine cannot
// start.
const RequireEngine = "REQUIRE_ENGINE"

// Engine is Optional for the needs of Docker's engine: many computers and CI systems cannot
// start one. With the variable REQUIRE_ENGINE set, the test fails.
func Engine(t testing.TB, problem error) {
	t.Helper()
	if problem != nil && os.Getenv(RequireEngine) != "" {
		t.Fatal(RequireEngine+" is set:", problem)
		return // for the tests of this package
	}
	Optional(t, problem)
}

// SkippedFile names the variable with a file. Each skipped test adds one line to it: what
// is missing. scripts/test counts these lines.
const SkippedFile = "SOTER_TEST_SKIPPED"

func skip(t testing.TB, problem error) {
	t.Helper()
	// The first line says what is missing. It is one short write, because test processes
	// run side by side.
	reason, _, _ := strings.Cut(problem.Error(), "\n")
	if name := os.Getenv(SkippedFile); name != "" {
		if err := appendLine(name, reason); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip(problem)
}

func appendLine(name, line string) (err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.WriteString(line + "\n")
	return err
}

// Find returns the path of a program, or an error that names it.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%s is not installed", name)
	}
	return path, err
}

// Program returns the path of a program.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := Find(name)
	Met(t, err)
	return path
}

// Port returns a port of loopback that is free.
func Port(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Time skips a test that takes seconds when go test is called with -short. Such a test
// builds programs, installs packages, or meets a server that is really silent.
func Time(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
}

// LongVariable is set if the tests may take long: scripts/test -long sets it, and CI runs
// that every night.
const LongVariable = "LONG"

// Long skips a test that takes minutes, unless LongVariable is set. Each has a short form
// that every run includes.
func Long(t testing.TB) {
	t.Helper()
	if os.Getenv(LongVariable) == "" {
		t.Skip(LongVariable + " is not set")
	}
}

// OrLong returns short in an ordinary run, and long if LongVariable is set. Both are sizes
// of the same test: rounds, calls, a time.
func OrLong[T any](short, long T) T {
	if os.Getenv(LongVariable) == "" {
		return short
	}
	return long
}

// patience bounds one installation.
const patience = 10 * time.Minute

// CI skips a test unless the variable CI is set. It is for other people's large tools, and
// for what compiles the functions for many platforms.
func CI(t testing.TB) {
	t.Helper()
	Time(t)
	if os.Getenv("CI") == "" {
		skip(t, errors.New("CI is not set"))
	}
}

// Python returns the path of a Python program at the version that scripts/tools pins. The
// first use installs all of them, which takes half a minute: only CI runs the test.
func Python(t testing.TB, name string) string {
	t.Helper()
	CI(t)
	Program(t, "python3")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	bin, err := tools.Python(ctx)
	Met(t, err)
	return filepath.Join(bin, name)
}

// GoTool returns the path of a package's program, at the version that scripts/tools pins.
// Only CI runs the test.
func GoTool(t testing.TB, pkg string) string {
	t.Helper()
	CI(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	program, err := tools.Go(ctx, pkg)
	Met(t, err)
	return program
}

// Jars returns the folder of the Java libraries in a pom.xml. Only CI runs the test.
func Jars(t testing.TB, pom string) string {
	t.Helper()
	CI(t)
	Program(t, "mvn")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	jars, err := tools.Jars(ctx, pom)
	Met(t, err)
	return jars
}

// installed holds, for each folder, the one installation of a test process.
var installed sync.Map // of func() error

// NodeModules installs the packages of the folder's package-lock.json, and returns the
// folder, absolute. It takes seconds: with -short the test is skipped.
func NodeModules(t testing.TB, folder string) string {
	t.Helper()
	Time(t)
	folder, err := filepath.Abs(folder)
	Met(t, err)
	install, _ := installed.LoadOrStore(folder, sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		return nodemodules.Install(ctx, folder)
	}))
	Met(t, install.(func() error)())
	return folder
}
