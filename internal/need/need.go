// Package need says what a test needs of the computer that it runs on: a program,
// the packages of npm, or time. What is missing on a developer's computer skips the
// test, with the reason; with CI set it fails the test, so that nothing is left out
// there unnoticed.
package need

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sotercall/internal/nodemodules"
)

// Met goes on if problem is nil, which tells what is missing. Otherwise the test
// ends: skipped, or failed where the variable CI is set.
func Met(t testing.TB, problem error) {
	t.Helper()
	switch {
	case problem == nil:
	case os.Getenv("CI") != "":
		t.Fatal(problem)
	default:
		t.Skip(problem)
	}
}

// Program returns where the program is.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	Met(t, err)
	return path
}

// Time skips a test that takes seconds when go test is called with -short: because it
// builds programs, installs packages, or meets a server that is really silent.
func Time(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
}

// installed holds, for each folder, the one installation of a test process.
var installed sync.Map // of func() error

// NodeModules installs what the folder's package-lock.json names, and returns the
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
