package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"sotercall/internal/dev/gobuild"
)

// imageName returns docker load's name for the image of a version.
func (r release) imageName() string { return "sotercall:" + r.number }

// addImage builds the image of functions/service for a processor, and saves it as an asset
// that docker load reads. The further arguments go to docker build. Another processor than
// this computer's takes BuildKit, which Docker has by default since version 23.
func (r release) addImage(ctx context.Context, arch string, further []string) error {
	if !slices.ContainsFunc(processors, func(p struct{ arch, aws string }) bool { return p.arch == arch }) {
		return fmt.Errorf("-arch %s: arm64 or amd64", arch)
	}
	build := slices.Concat([]string{"build", "--platform", "linux/" + arch,
		"--build-arg", "TARGETARCH=" + arch, "--build-arg", "REVISION=" + gobuild.Revision(ctx, r.root)},
		further, []string{"-f", "deploy/container/Dockerfile", "-t", r.imageName(), "."})
	if err := r.command(ctx, "docker", build...); err != nil {
		return err
	}
	if runtime.GOARCH == arch {
		said, err := exec.CommandContext(ctx, "docker", "run", "--rm", "--network", "none", r.imageName(), "-version").Output()
		if err != nil {
			return fmt.Errorf("docker run: %w", err)
		}
		if err := r.sameVersion(ctx, "service", string(said)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.assets(), 0o755); err != nil {
		return err
	}
	if err := r.saveImage(ctx, filepath.Join(r.assets(), "image-"+arch+".tar.gz")); err != nil {
		return err
	}
	return r.writeSums()
}

func (r release) saveImage(ctx context.Context, file string) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := gzip.NewWriter(f)
	save := exec.CommandContext(ctx, "docker", "save", r.imageName())
	save.Stdout, save.Stderr = w, os.Stderr
	if err := save.Run(); err != nil {
		return fmt.Errorf("docker save: %w", err)
	}
	return w.Close()
}
