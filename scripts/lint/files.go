package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxFileSize bounds a file of the repository, in bytes. Git keeps each version of a file
// forever.
const maxFileSize = 1 << 20

// built are the first bytes of files that are built from others.
var built = []struct{ kind, begins string }{
	{"an ELF binary", "\x7fELF"},
	{"a Windows binary", "MZ\x90\x00"},
	{"a macOS binary", "\xcf\xfa\xed\xfe"},
	{"a macOS binary", "\xca\xfe\xba\xbe"}, // Java's class files too
	{"a zip archive", "PK\x03\x04"},
	{"a gzip archive", "\x1f\x8b\x08"},
	{"an archive of objects", "!<arch>\n"},
}

// unwantedFiles returns the files of the git checkout at dir that do not belong in a
// repository: binaries, archives and large files. It reads what git has and what it would
// add. Where there is no checkout, as in a copy of the source, there are none.
func unwantedFiles(dir string) (findings []string, err error) {
	if _, err := os.Stat(filepath.Join(dir, ".git")); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	list := exec.Command("git", "-C", dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		reason, err := unwanted(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if reason != "" {
			findings = append(findings, fmt.Sprintf("%s: %s does not belong into the repository; .gitignore keeps it out", name, reason))
		}
	}
	return findings, nil
}

// unwanted returns why a file does not belong in a repository, or "".
func unwanted(file string) (reason string, err error) {
	info, err := os.Lstat(file)
	if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return "", nil // deleted and not yet committed, or a link
	}
	if err != nil {
		return "", err
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	begin := make([]byte, 8)
	n, err := io.ReadFull(f, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	for _, b := range built {
		if bytes.HasPrefix(begin[:n], []byte(b.begins)) {
			return b.kind, nil
		}
	}
	if info.Size() > maxFileSize {
		return fmt.Sprintf("a file of %d bytes", info.Size()), nil
	}
	return "", nil
}
