package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// english are the pages whose text is checked. The links of all others are checked as well.
var english = regexp.MustCompile(`^(README|SECURITY|CONTRIBUTING)\.md$|^docs/[^/]*\.md$`)

// checkTexts returns the findings in the comments and pages below root.
func checkTexts(root string) (findings []string, err error) {
	names, err := textFiles(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		if path.Ext(name) == ".go" {
			found, err := checkComments(name, content)
			if err != nil {
				return nil, err
			}
			findings = append(findings, found...)
			continue
		}
		findings = append(findings, checkLinks(root, name, string(content))...)
		if english.MatchString(name) {
			findings = append(findings, checkPage(name, string(content))...)
		}
	}
	return findings, nil
}

// textFiles returns the Go files and pages of a module, with slashes. It leaves out tests,
// folders that begin with a dot, and other people's files.
func textFiles(module fs.FS) (names []string, err error) {
	err = fs.WalkDir(module, ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "dist"):
			return fs.SkipDir
		case entry.IsDir(), strings.HasSuffix(base, "_test.go"):
		case path.Ext(base) == ".go", path.Ext(base) == ".md":
			names = append(names, name)
		}
		return nil
	})
	return names, err
}
