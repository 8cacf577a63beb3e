// Package gobuild compiles the functions as they are deployed. What is tested and
// measured is what goes to the clouds: everybody who needs a binary, from
// scripts/package to the tests, takes its flags from here.
package gobuild

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// flags are those of every deployed binary; deploy/Makefile has the same. Paths and
// version control stay out of it, but for Target.Revision, so that the same source gives
// the same bytes in every folder.
var flags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc"}

// linking says how to link, with the revision to put in.
const linking = "-ldflags=-s -w -X sotercall/internal/version.revision=%s"

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
	// Revision is the commit that the binary says it was built from; see [Revision]. If
	// it is empty, the binary knows the number of its version only.
	Revision string
}

// flags are those for t.
func (t Target) flags() []string {
	all := append(slices.Clone(flags), fmt.Sprintf(linking, t.Revision))
	if t.Trial {
		return slices.DeleteFunc(all, func(flag string) bool { return flag == "-trimpath" })
	}
	return all
}

// Packages returns the flags of t that decide what a package compiles to.
func (t Target) Packages() []string {
	return slices.DeleteFunc(t.flags(), func(flag string) bool { return strings.HasPrefix(flag, "-ldflags") })
}

// Revision returns the commit of the source at root, the folder of a module: twelve digits,
// and -dirty if tracked files differ from it. It is empty where root is not the top of a
// git checkout, or there is no git: the go command without -buildvcs fails no build either.
// deploy/Makefile has the same command.
func Revision(ctx context.Context, root string) string {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		return "" // the source was copied, perhaps into another repository
	}
	git := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
	out, err := git.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
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

// SharedFolder names the variable with a folder in which all processes of one run of
// the tests share the programs that they build: each is linked once per run.
// scripts/test makes the folder, and removes it. Unset, every process links its own.
const SharedFolder = "SOTER_TEST_BINARIES"

// Program compiles a package of this module, given by its path below the module's
// root such as functions/verify, into a file. See SharedFolder.
func (t Target) Program(ctx context.Context, pkg, file string) error {
	root, err := ModuleRoot(ctx)
	if err != nil {
		return err
	}
	if shared := os.Getenv(SharedFolder); shared != "" {
		return t.share(ctx, shared, root, pkg, file)
	}
	return t.link(ctx, root, pkg, file)
}

// share copies a program from the shared folder, where the first who needs it links it.
func (t Target) share(ctx context.Context, folder, root, pkg, file string) error {
	// This computer, named or not, is one target.
	t.OS, t.Arch = cmp.Or(t.OS, runtime.GOOS), cmp.Or(t.Arch, runtime.GOARCH)
	// Tests package copies of the source: another root is another program.
	name := sha256.Sum256(fmt.Appendf(nil, "%q %q %+v", root, pkg, t))
	built := filepath.Join(folder, hex.EncodeToString(name[:]))
	lock := flock.New(built + ".lock")
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("lock %s: %w", built, err)
	}
	defer lock.Unlock()
	if _, err := os.Stat(built); errors.Is(err, fs.ErrNotExist) {
		// A build that is killed in the middle must not look complete.
		if err := t.link(ctx, root, pkg, built+".new"); err != nil {
			return err
		}
		if err := os.Rename(built+".new", built); err != nil {
			return err
		}
	}
	return copyProgram(built, file)
}

// link compiles a package of the module at root into a file.
func (t Target) link(ctx context.Context, root, pkg, file string) (err error) {
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

// Functions compiles functions for this computer into a folder, each under its
// name.
func Functions(ctx context.Context, folder string, names ...string) error {
	for _, name := range names {
		if err := (Target{}).Program(ctx, "functions/"+name, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
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
