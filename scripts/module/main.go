// Command module gives this module another path, for a mirror or a fork:
//
//	go run ./scripts/module git.example.com/team/sotercall
//
// It rewrites go.mod and every import of a package of this module, in the files that git
// tracks. Names that only look alike stay: keys in stores, secrets, images.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./scripts/module PATH")
		os.Exit(2)
	}
	changed, err := rename(".", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d files changed. Next: go mod tidy && go build ./...\n", changed)
}

// rename sets the path of the module in dir, and returns how many files it changed.
func rename(dir, to string) (changed int, err error) {
	files, err := tracked(dir)
	if err != nil {
		return 0, err
	}
	replace, err := replacer(dir, files, to)
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		path := filepath.Join(dir, file)
		info, err := os.Lstat(path)
		// deleted, or a link to another file in the list
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return changed, err
		}
		renamed := replace(file, string(text))
		if renamed == string(text) {
			continue
		}
		if err := os.WriteFile(path, []byte(renamed), info.Mode().Perm()); err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}

func tracked(dir string) ([]string, error) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = dir
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the files of the repository: %w", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}
