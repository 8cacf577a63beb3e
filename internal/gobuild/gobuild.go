// Package gobuild compiles the functions as they are deployed. What is tested and
// measured is what goes to the clouds: everybody who needs a binary, from
// scripts/package to the tests, takes its flags from here.
package gobuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"
)

// flags are those of every deployed binary; deploy/Makefile has the same. Paths and
// version control stay out of it, so that the same source gives the same bytes in
// every folder.
var flags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"}

// Target is what a binary is for. The zero Target is this computer.
type Target struct {
	OS, Arch string // GOOS and GOARCH; those of this computer when empty
	// Race links the race detector, which needs cgo: such a binary is for tests and
	// not deployed.
	Race bool
	// Trial is for a binary to try out on this computer, which is neither deployed nor
	// measured. It is made of the packages that go run has compiled for a command
	// already, instead of compiling all of them again with the flags of deployed ones:
	// on a computer that has compiled none, that is half of the time.
	Trial bool
}

// flags are those for t.
func (t Target) flags() []string {
	if t.Trial {
		return slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return flag == "-trimpath" })
	}
	return flags
}

// cgo is the variable that says whether t uses C; nil leaves it to the go command.
func (t Target) cgo() []string {
	switch {
	case t.Trial:
		return nil
	case t.Race:
		return []string{"CGO_ENABLED=1"}
	}
	return []string{"CGO_ENABLED=0"}
}

// Program compiles a package of this module, given by its path below the module's
// root such as functions/verify, into a file.
func (t Target) Program(ctx context.Context, pkg, file string) error {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return err
	}
	if file, err = filepath.Abs(file); err != nil { // the command runs in another folder
		return err
	}
	// Stopped in the middle, the go command leaves its folder of work behind.
	work, err := os.MkdirTemp("", "gobuild-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	arguments := append([]string{"build", "-o", file}, t.flags()...)
	if t.Race {
		arguments = append(arguments, "-race")
	}
	command := exec.CommandContext(ctx, "go", append(arguments, "./"+pkg)...)
	inOwnGroup(command)
	command.Dir = root
	command.Env = append(append(os.Environ(), "GOTMPDIR="+work), t.cgo()...)
	if t.OS != "" {
		command.Env = append(command.Env, "GOOS="+t.OS)
	}
	if t.Arch != "" {
		command.Env = append(command.Env, "GOARCH="+t.Arch)
	}
	if said, err := command.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("go build %s: %w", pkg, context.Cause(ctx))
		}
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, said)
	}
	return nil
}

// Programs compiles packages into a folder, each under the last element of its
// path.
func (t Target) Programs(ctx context.Context, folder string, pkgs ...string) error {
	for _, pkg := range pkgs {
		if err := t.Program(ctx, pkg, filepath.Join(folder, path.Base(pkg))); err != nil {
			return err
		}
	}
	return nil
}

// SharedFolder names the variable with a folder in which all processes of one run of
// the tests share what Functions builds: each function is linked once per run.
// scripts/test makes the folder, and removes it. Unset, every process links its own.
const SharedFolder = "SOTER_TEST_BINARIES"

// Functions compiles functions for this computer into a folder, each under its
// name. Only tests use it: see SharedFolder.
func Functions(ctx context.Context, folder string, names ...string) error {
	for _, name := range names {
		if err := function(ctx, name, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func function(ctx context.Context, name, file string) error {
	pkg := "functions/" + name
	shared := os.Getenv(SharedFolder)
	if shared == "" {
		return Target{}.Program(ctx, pkg, file)
	}
	built := filepath.Join(shared, name)
	lock := flock.New(built + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock %s: %w", built, err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(built); errors.Is(err, fs.ErrNotExist) {
		// A build that is killed in the middle must not look complete.
		if err := (Target{}).Program(ctx, pkg, built+".new"); err != nil {
			return err
		}
		if err := os.Rename(built+".new", built); err != nil {
			return err
		}
	}
	return copyProgram(built, file)
}

// copyProgram copies a program. It makes no link: whoever changes the copy must not
// change the program of the others.
func copyProgram(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	// A running program cannot be written to, but its name can be given to another.
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}

// ModuleRoot is the folder of go.mod, from wherever below it the process runs.
func ModuleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if filepath.Base(file) != "go.mod" {
		return "", fmt.Errorf("run it inside the repository: there is no go.mod here")
	}
	return filepath.Dir(file), nil
}
