// Package tools installs other people's programs, at the versions that the folder
// scripts/tools pins. Python's go into one environment, Go's are each built from their
// module, and Java's libraries come from a pom.xml. They are kept in the user's cache, once
// per content of the file that pins them. Tests run them; see package need.
package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"

	"sotercall/internal/dev/gobuild"
)

// folder is the folder of the versions, below the module's root.
const folder = "scripts/tools"

// Python returns the folder of the programs of requirements.txt. It needs python3 with
// its module venv.
func Python(ctx context.Context) (bin string, err error) {
	file, err := pinned(ctx, "requirements.txt")
	if err != nil {
		return "", err
	}
	environment, err := install("python", []string{file}, func(folder string) error {
		if err := run(ctx, "", "python3", "-m", "venv", folder); err != nil {
			return err
		}
		// The file lists all packages: there is nothing to resolve.
		return run(ctx, "", filepath.Join(folder, "bin", "python"), "-m", "pip", "install",
			"--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--no-compile", "-r", file)
	})
	return filepath.Join(environment, "bin"), err
}

// Compose is the package of Docker Compose. It has a module of its own. It has so many
// dependencies that the other tools would be rebuilt with each change of them.
const Compose = "github.com/docker/compose/v2/cmd"

// Go returns the path of a package's program. The folder's go.mod names its module, or the
// module is in a folder of that folder.
func Go(ctx context.Context, pkg string) (program string, err error) {
	name := "go.mod"
	if pkg == Compose {
		name = "compose/go.mod"
	}
	mod, err := pinned(ctx, name)
	if err != nil {
		return "", err
	}
	files := []string{mod, filepath.Join(filepath.Dir(mod), "go.sum")}
	if own, ok := strings.CutPrefix(pkg, "sotercall/"+folder+"/"); ok {
		sources, err := filepath.Glob(filepath.Join(filepath.Dir(mod), own, "*.go"))
		if err != nil {
			return "", err
		}
		files = append(files, sources...)
	}
	built, err := install("go-"+path.Base(pkg), files, func(folder string) error {
		return run(ctx, filepath.Dir(mod), "go", "build", "-trimpath", "-o", filepath.Join(folder, path.Base(pkg)), pkg)
	})
	return filepath.Join(built, path.Base(pkg)), err
}

// Jars returns the folder of the direct and indirect dependencies in a pom.xml. It needs
// Maven.
func Jars(ctx context.Context, pom string) (jars string, err error) {
	return install("java", []string{pom}, func(folder string) error {
		return run(ctx, "", "mvn", "--quiet", "--batch-mode", "--file", pom, "dependency:copy-dependencies", "-DoutputDirectory="+folder)
	})
}

// pinned returns the absolute path of a file of the folder.
func pinned(ctx context.Context, name string) (string, error) {
	root, err := gobuild.ModuleRoot(ctx)
	return filepath.Join(root, folder, name), err
}

// install returns the cache folder for the content of the files. If it is not complete,
// fill makes it in an empty one.
func install(kind string, files []string, fill func(folder string) error) (string, error) {
	digest := sha256.New()
	fmt.Fprintln(digest, runtime.GOOS, runtime.GOARCH)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(digest, "%d\n%s", len(content), content)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "sotercall", "tools")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	folder := filepath.Join(cache, kind+"-"+hex.EncodeToString(digest.Sum(nil)[:8]))
	// Tests of several packages run at the same time.
	lock := flock.New(folder + ".lock")
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Unlock()
	// Python's environments cannot be moved into place
	complete := filepath.Join(folder, ".complete")
	if _, err := os.Stat(complete); err == nil {
		return folder, nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return "", err
	}
	if err := fill(folder); err != nil {
		return "", err
	}
	return folder, os.WriteFile(complete, nil, 0o600)
}

// run runs a program. Its error includes the output.
func run(ctx context.Context, folder, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = folder
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not install what scripts/tools names: %w\n%s", filepath.Base(name), err, said)
	}
	return nil
}
