// Package gobuild compiles the functions as they are deployed. Whatever needs a binary,
// from scripts/package to the tests, uses its flags. So the tested and measured programs
// are the deployed ones.
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

// flags are those of every deployed binary; deploy/Makefile has the same. They leave out
// paths and version control, except Target.Revision, so that the same source gives the same
// bytes in every folder.
var flags = []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc"}

// linking is the flag for the linker, which the revision is appended to.
const linking = "-ldflags=-s -w -X sotercall/internal/version.revision=%s"

// Target is what a binary is for. The zero Target is this computer.
type Target struct {
	OS, Arch string // GOOS and GOARCH; those of this computer when empty
	// Race links the race detector, which needs cgo. Such a binary is for tests, never
	// deployed.
	Race bool
	// Trial marks a binary to try out on this computer, which is neither deployed nor
	// measured. It uses the packages that go run has already compiled for a command.
	// Compiling all of them again with the flags of deployed ones would double the time on
	// a computer with an empty build cache.
	Trial bool
	// Revision is the commit that the binary reports; see [Revision]. If it is empty, the
	// binary has only the number of its version.
	Revision string
}

// flags returns those for t.
func (t Target) flags() []string {
	all := append(slices.Clone(flags), fmt.Sprintf(linking, t.Revision))
	if t.Trial {
		return slices.DeleteFunc(all, func(flag string) bool { return flag == "-trimpath" })
	}
	return all
}

// Packages returns the flags of t that affect a package's compiled code.
func (t Target) Packages() []string {
	return slices.DeleteFunc(t.flags(), func(flag string) bool { return strings.HasPrefix(flag, "-ldflags") })
}

// Revision returns the commit of the source at root, the folder of a module: twelve digits,
// and -dirty if tracked files differ from it. It is empty if root is not the top of a git
// checkout, or there is no git. In these cases a build does not fail: the go command
// behaves in the same way by default. deploy/Makefile has the same command.
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

// cgo returns the variable that says whether t uses C; nil for the go command's default.
func (t Target) cgo() []string {
	switch {
	case t.Trial:
		return nil
	case t.Race:
		return []string{"CGO_ENABLED=1"}
	}
	return []string{"CGO_ENABLED=0"}
}

// SharedFolder names the variable with a folder that all processes of one test run share.
// They put the programs that they build there, so each is linked once per run. scripts/test
// makes the folder, and removes it. If it is unset, every process links its own.
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

// share copies a program from the shared folder. The first process that needs it links it.
func (t Target) share(ctx context.Context, folder, root, pkg, file string) error {
	// This computer is the same target with and without a name.
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
	// If it is killed, the go command leaves its work folder behind.
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

// copyProgram copies a program. It makes no link, because changing the copy must not change
// the program of the others.
func copyProgram(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	// A running program cannot be written to, but another file can take its name.
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

// ModuleRoot returns the folder of go.mod, for a process anywhere below it.
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
