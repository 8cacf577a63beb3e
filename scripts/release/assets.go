package main

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"sotercall/internal/dev/gobuild"
)

// processors are those of the release: as Go calls them, and as AWS does.
var processors = []struct{ arch, aws string }{{"arm64", "arm64"}, {"amd64", "x86_64"}}

// program is a program in the zips.
type program struct {
	function, arch string
	file           string
}

// packages runs scripts/package for each processor, below work. It puts the zips into
// assets, such as lambda-arm64-verify.zip and scf-verify.zip, and returns the programs.
func (r release) packages(ctx context.Context, work string) (programs []program, err error) {
	if os.Getenv(gobuild.SharedFolder) == "" { // what both runs need is linked once
		shared := filepath.Join(work, "shared")
		if err := os.Mkdir(shared, 0o755); err != nil {
			return nil, err
		}
		r.env = append(os.Environ(), gobuild.SharedFolder+"="+shared)
	}
	for i, processor := range processors {
		folder := filepath.Join(work, processor.arch)
		pack := []string{"run", "./scripts/package", "-arch", processor.arch, "-out", folder}
		if i > 0 {
			pack = append(pack, "-only", "lambda") // those for Tencent have one processor
		}
		if err := r.command(ctx, "go", pack...); err != nil {
			return nil, err
		}
		zips, err := filepath.Glob(filepath.Join(folder, "*", "*.zip"))
		if err != nil {
			return nil, err
		}
		for _, file := range zips {
			cloud, name := filepath.Base(filepath.Dir(file)), filepath.Base(file)
			if cloud == "lambda" {
				function := strings.TrimSuffix(name, ".zip")
				p := program{function, processor.arch, filepath.Join(folder, cloud, function, "bootstrap")}
				if err := r.checkVersion(ctx, p); err != nil {
					return nil, err
				}
				programs = append(programs, p)
				cloud += "-" + processor.aws
			}
			if err := copyFile(file, filepath.Join(r.assets(), cloud+"-"+name)); err != nil {
				return nil, err
			}
		}
	}
	return programs, nil
}

// checkVersion runs a program for this computer. It must print the number of the release
// and the commit.
func (r release) checkVersion(ctx context.Context, p program) error {
	if runtime.GOOS != "linux" || runtime.GOARCH != p.arch {
		return nil
	}
	said, err := exec.CommandContext(ctx, p.file, "-version").Output()
	if err != nil {
		return fmt.Errorf("%s -version: %w", p.function, err)
	}
	return r.sameVersion(ctx, p.function, string(said))
}

// sameVersion compares the output of a function with -version.
func (r release) sameVersion(ctx context.Context, function, said string) error {
	want := r.number
	if revision := gobuild.Revision(ctx, r.root); revision != "" {
		want += "+" + strings.Replace(revision, "-dirty", ".dirty", 1)
	}
	if words := strings.Fields(said); len(words) < 2 || words[0] != function || words[1] != want {
		return fmt.Errorf("%s -version prints %q instead of the version %s", function, said, want)
	}
	return nil
}

// command runs a command in the root of the module.
func (r release) command(ctx context.Context, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = r.root, r.env
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said)
	}
	return nil
}

// writeNotes writes the text of the release: the changes, and how to check the files.
func (r release) writeNotes(changes, program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s\n\n## Files\n\n"+
		"`docs/releases.md` says which file goes where. `sha256sum -c --ignore-missing SHA256SUMS` checks what you have\n"+
		"downloaded. With %s, `go run ./scripts/release` makes the same zips from the source.\n", changes, info.GoVersion)
	return os.WriteFile(filepath.Join(r.out, "notes.md"), []byte(text), 0o644)
}

// sumsName is the file that sha256sum -c reads.
const sumsName = "SHA256SUMS"

// writeSums lists all assets, and prints the list.
func (r release) writeSums() error {
	entries, err := os.ReadDir(r.assets())
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, entry := range entries {
		if entry.Name() == sumsName {
			continue
		}
		sum, err := digest(filepath.Join(r.assets(), entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, entry.Name())
	}
	fmt.Fprint(r.stdout, sums.String())
	return os.WriteFile(filepath.Join(r.assets(), sumsName), []byte(sums.String()), 0o644)
}

func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
