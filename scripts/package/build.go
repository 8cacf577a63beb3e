package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sotercall/internal/dev/gobuild"
)

// cloud is a target of a function.
type cloud struct {
	name   string   // the folder below dist
	arch   string   // GOARCH
	binary string   // the platform's name for it
	beside []string // further files, if they exist: see source
}

// permissions is the file of a function's permissions for Cloud Call, in its folder.
const permissions = "config.json"

// bootstrap is the file that CloudBase starts an HTTP function by.
const bootstrap = "scf_bootstrap"

// source returns the path of a further file.
func source(root, function, name string) string {
	if name == bootstrap {
		return filepath.Join(root, "deploy", "cloudbase", bootstrap)
	}
	return filepath.Join(root, "functions", function, name)
}

// mode makes files readable for all users, and programs executable: the platforms' users
// differ.
func (c cloud) mode(name string) fs.FileMode {
	if name == c.binary || name == bootstrap {
		return 0o755
	}
	return 0o644
}

// artifact is one zip.
type artifact struct {
	name   string // below the output folder
	size   int64  // bytes
	sha256 string // hexadecimal
}

// allClouds are those that functions go to, with the processor of Lambda.
func allClouds(arch string) []cloud {
	return []cloud{
		{name: "lambda", arch: arch, binary: "bootstrap"},
		{name: "scf", arch: "amd64", binary: "main", beside: []string{permissions}},
		{name: "http", arch: "amd64", binary: "main", beside: []string{bootstrap, permissions}},
	}
}

// buildAll builds every function for the clouds: out/lambda/verify.zip and so on. The
// folder of the same name beside each zip has its content, for tools that zip by
// themselves.
func buildAll(ctx context.Context, root, out string, clouds []cloud) ([]artifact, error) {
	names, err := functions(root)
	if err != nil {
		return nil, err
	}
	linked := programs{revision: gobuild.Revision(ctx, root), files: map[[2]string]string{}}
	var artifacts []artifact
	for _, c := range clouds {
		// Removed sources must not leave artifacts.
		if err := os.RemoveAll(filepath.Join(out, c.name)); err != nil {
			return nil, err
		}
		for _, function := range names {
			a, err := c.build(ctx, linked, root, out, function)
			if err != nil {
				return nil, fmt.Errorf("%s for %s: %w", function, c.name, err)
			}
			artifacts = append(artifacts, a)
		}
	}
	return artifacts, nil
}

// programs are the programs that this run has linked already, by processor and function:
// two clouds of one processor get the same bytes.
type programs struct {
	revision string // the commit that they report
	files    map[[2]string]string
}

func (p programs) link(ctx context.Context, arch, function, file string) error {
	key := [2]string{arch, function}
	if there, ok := p.files[key]; ok {
		content, err := os.ReadFile(there)
		if err != nil {
			return err
		}
		return os.WriteFile(file, content, 0o755)
	}
	p.files[key] = file
	return gobuild.Target{OS: "linux", Arch: arch, Revision: p.revision}.Program(ctx, "functions/"+function, file)
}

func (c cloud) build(ctx context.Context, linked programs, root, out, function string) (artifact, error) {
	folder, err := filepath.Abs(filepath.Join(out, c.name, function))
	if err != nil {
		return artifact{}, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return artifact{}, err
	}
	if err := linked.link(ctx, c.arch, function, filepath.Join(folder, c.binary)); err != nil {
		return artifact{}, err
	}
	files := []string{c.binary}
	for _, name := range c.beside {
		content, err := os.ReadFile(source(root, function, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return artifact{}, err
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, c.mode(name)); err != nil {
			return artifact{}, err
		}
		files = append(files, name)
	}
	packed, err := c.pack(folder, files)
	if err != nil {
		return artifact{}, err
	}
	name := filepath.Join(c.name, function+".zip")
	sum := sha256.Sum256(packed)
	return artifact{name: name, size: int64(len(packed)), sha256: hex.EncodeToString(sum[:])},
		os.WriteFile(filepath.Join(out, name), packed, 0o644)
}

// packedAt is the time of every file in a zip: the first that the format can hold.
var packedAt = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// pack zips files of folder.
func (c cloud) pack(folder string, files []string) ([]byte, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, name := range files {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: packedAt}
		header.SetMode(c.mode(name))
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		entry, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := entry.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
