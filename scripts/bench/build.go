package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are what is measured, by the names of their binaries.
var programs = map[string]string{
	"verify": "sotercall/functions/verify",
	"bare":   "sotercall/scripts/bench/baseline/bare",
	"call":   "sotercall/scripts/bench/baseline/call",
}

// build compiles programs into a folder as functions are deployed, for this
// computer.
func build(ctx context.Context, folder string, names ...string) error {
	return compile(ctx, folder, []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"}, "0", names)
}

// buildRace compiles programs with the race detector in them.
func buildRace(ctx context.Context, folder string, names ...string) error {
	return compile(ctx, folder, []string{"-race", "-tags", "lambda.norpc"}, "1", names)
}

func compile(ctx context.Context, folder string, flags []string, cgo string, names []string) error {
	for _, name := range names {
		arguments := append([]string{"build", "-o", filepath.Join(folder, name)}, flags...)
		command := exec.CommandContext(ctx, "go", append(arguments, programs[name])...)
		command.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if said, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", name, err, said)
		}
	}
	return nil
}

// zipped is the size, in bytes, of a zip with a program in it.
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

// moduleRoot is the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}
