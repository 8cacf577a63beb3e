package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// replacer returns a function that replaces the module's own path by to in the text of a
// file.
func replacer(dir string, files []string, to string) (func(file, text string) string, error) {
	if err := module.CheckImportPath(to); err != nil {
		return nil, err
	}
	goMod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	from := modfile.ModulePath(goMod)
	if from == "" {
		return nil, fmt.Errorf("go.mod has no module line")
	}
	quoted := regexp.QuoteMeta(from)
	// A package is the module's path and one of its folders, at the beginning of a word.
	packages := regexp.MustCompile(`(^|[^\w./-])` + quoted + `/(` + strings.Join(folders(files), "|") + `)\b`)
	root := regexp.MustCompile(`(?m)^(\s*(?:import )?(?:[\w.]+ )?")` + quoted + `"$`)
	own := regexp.MustCompile(`(?m)^module ` + quoted + `(/|$)`)
	return func(file, text string) string {
		text = packages.ReplaceAllString(text, "${1}"+to+"/${2}")
		switch {
		case path.Base(file) == "go.mod":
			text = own.ReplaceAllString(text, "module "+to+"${1}")
		case path.Ext(file) == ".go" || path.Ext(file) == ".md":
			text = root.ReplaceAllString(text, "${1}"+to+`"`)
		}
		return text
	}, nil
}

// folders returns the top folders with Go code.
func folders(files []string) (names []string) {
	for _, file := range files {
		top, _, isInFolder := strings.Cut(file, "/")
		if isInFolder && path.Ext(file) == ".go" && !slices.Contains(names, top) {
			names = append(names, regexp.QuoteMeta(top))
		}
	}
	return names
}
