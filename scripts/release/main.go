// Command release makes the files of a release, below dist/release. The workflow
// release.yml runs it for a tag, and the tests run it for the source as it is:
//
//	go run ./scripts/release                     a dry run
//	go run ./scripts/release -tag v0.3.0         the same, if that is the tag of this source
//	go run ./scripts/release image -arch arm64   adds the container image for a processor
//
// The folder assets holds the downloads, with SHA256SUMS. They are the zips of
// scripts/package for both processors of Lambda, and a SAM template for each. There are
// also start.sh, the Compose file with its proxy's, and one SBOM for each program. The same
// source and Go version give the same bytes. notes.md is the text of the release.
//
// A tag must be v and the number of internal/version, and CHANGELOG.md must list it as the
// newest release. It must point at the checked out commit, without changes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"sotercall/internal/dev/changelog"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one run of the command.
type release struct {
	root   string // of the module
	out    string // absolute
	tag    string // "" in a dry run
	number string // of the version, such as 0.3.0
	stdout io.Writer
	env    []string // of the commands that it runs; nil is its own
}

// assets is the folder of the files to download.
func (r release) assets() string { return filepath.Join(r.out, "assets") }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	isImage := len(args) > 0 && args[0] == "image"
	if isImage {
		args = args[1:]
	}
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(stderr)
	r := release{number: version.Number, stdout: stdout}
	flags.StringVar(&r.tag, "tag", "", "the tag to release; without it, a dry run")
	flags.StringVar(&r.out, "out", "", "folder for the files (default dist/release, beside go.mod)")
	arch := ""
	if isImage {
		flags.StringVar(&arch, "arch", "amd64", "processor of the image: amd64 or arm64")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !isImage && flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	var err error
	if r.root, err = gobuild.ModuleRoot(ctx); err != nil {
		return err
	}
	if r.out == "" {
		r.out = filepath.Join(r.root, "dist", "release")
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	changes, err := r.check(ctx, string(text))
	if err != nil {
		return err
	}
	if isImage {
		return r.addImage(ctx, arch, flags.Args())
	}
	return r.makeAll(ctx, changes)
}

// check returns the changes of the release, or an error if its tag is not that of the
// source.
func (r release) check(ctx context.Context, text string) (changes string, err error) {
	log, err := changelog.Parse(text)
	if err != nil {
		return "", err
	}
	if r.tag == "" {
		if err := log.Check(r.number); err != nil {
			return "", err
		}
		return log.Changes(r.number)
	}
	if err := log.Check(r.number, r.tag); err != nil {
		return "", err
	}
	switch revision := gobuild.Revision(ctx, r.root); {
	case revision == "":
		return "", errors.New("a tag is released from a git checkout")
	case strings.HasSuffix(revision, "-dirty"):
		return "", errors.New("files differ from the commit: a tag is released as it is")
	}
	tags, err := exec.CommandContext(ctx, "git", "-C", r.root, "tag", "--points-at", "HEAD").Output()
	if err != nil {
		return "", fmt.Errorf("git tag: %w", err)
	}
	if !slices.Contains(strings.Fields(string(tags)), r.tag) {
		return "", fmt.Errorf("the tag %s does not point at the checked out commit", r.tag)
	}
	return log.Changes(r.number)
}

// makeAll makes everything but the images.
func (r release) makeAll(ctx context.Context, changes string) error {
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.assets(), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	programs, err := r.packages(ctx, work)
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := r.writeSBOM(ctx, p); err != nil {
			return err
		}
	}
	if err := r.writeDeployment(); err != nil {
		return err
	}
	if err := r.writeNotes(changes, programs[0].file); err != nil {
		return err
	}
	return r.writeSums()
}
