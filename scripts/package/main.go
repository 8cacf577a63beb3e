// Command package builds the uploads for the clouds: one zip per function and cloud, below
// dist/.
//
//	go run ./scripts/package               all functions; Lambda on arm64
//	go run ./scripts/package -arch amd64   the same, Lambda on x86_64
//	go run ./scripts/package -only scf     for one cloud: lambda, scf or http
//
// The same source gives the same bytes, on every run and in every folder. So anybody with
// the source can check by SHA-256 what is deployed. The Go version belongs to the source:
// go.mod names it. So does the commit of a git checkout, which the programs print with
// -version.
//
// AWS Lambda (provided.al2023) needs an executable named bootstrap at the root of the zip.
// Tencent SCF (Go1) needs one for linux/amd64 with the name of the handler, main;
// config.json beside it has the permissions for Cloud Call. A CloudBase HTTP function also
// needs scf_bootstrap, which starts main on a port.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"sotercall/internal/dev/gobuild"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("package", flag.ContinueOnError)
	flags.SetOutput(stderr)
	arch := flags.String("arch", "arm64", "what Lambda runs on: arm64, or amd64 (which AWS calls x86_64)")
	only := flags.String("only", "", "the one cloud to build for: lambda, scf or http (default all)")
	out := flags.String("out", "", "folder for the zips (default dist, beside go.mod)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *arch != "arm64" && *arch != "amd64" {
		return fmt.Errorf("-arch %s: arm64 or amd64", *arch)
	}
	clouds := slices.DeleteFunc(allClouds(*arch), func(c cloud) bool { return *only != "" && c.name != *only })
	if len(clouds) == 0 {
		return fmt.Errorf("-only %s: lambda, scf or http", *only)
	}
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(root, "dist")
	}
	artifacts, err := buildAll(ctx, root, *out, clouds)
	if err != nil {
		return err
	}
	return list(artifacts, *out, stdout)
}

// functions returns the folders below functions/ with a program.
func functions(root string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "functions", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there are no functions in %s", root)
	}
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(filepath.Dir(file)))
	}
	slices.Sort(names)
	return names, nil
}

// list prints the artifacts, and writes the checksums where sha256sum -c finds them.
func list(artifacts []artifact, out string, stdout io.Writer) error {
	var sums strings.Builder
	for _, a := range artifacts {
		fmt.Fprintf(stdout, "%9d  %s  %s\n", a.size, a.sha256, filepath.Join(out, a.name))
		fmt.Fprintf(&sums, "%s  %s\n", a.sha256, filepath.ToSlash(a.name))
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
