package main

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"

	"sotercall/internal/dev/gobuild"
)

// programs are the measured programs, by the names of their binaries.
var programs = map[string]string{
	"verify":  "functions/verify",
	"service": "functions/service",
	"bare":    "scripts/bench/baseline/bare",
	"call":    "scripts/bench/baseline/call",
}

// build compiles programs into a folder as functions are deployed, for this
// computer.
func build(ctx context.Context, folder string, names ...string) error {
	for _, name := range names {
		if err := (gobuild.Target{}).Program(ctx, programs[name], filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

// zipped returns the size, in bytes, of a zip with a program in it.
func zipped(binary string) (int, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return 0, err
	}
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	entry, err := w.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Deflate})
	if err != nil {
		return 0, err
	}
	if _, err := entry.Write(program); err != nil {
		return 0, err
	}
	err = w.Close()
	return packed.Len(), err
}
