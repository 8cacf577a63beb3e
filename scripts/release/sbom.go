package main

import (
	"context"
	"fmt"
	"path/filepath"

	"sotercall/internal/test/tools"
)

// generator writes SBOMs in CycloneDX from what `go version -m` shows of a program. It
// asks no server.
const generator = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod"

// writeSBOM writes the modules of a program, and Go's standard library, to a file such as
// verify-linux-arm64.cdx.json. It has no serial number and no time: the same program gives
// the same bytes.
func (r release) writeSBOM(ctx context.Context, p program) error {
	generate, err := tools.Go(ctx, generator)
	if err != nil {
		return fmt.Errorf("%s: %w", generator, err)
	}
	file := filepath.Join(r.assets(), fmt.Sprintf("%s-linux-%s.cdx.json", p.function, p.arch))
	return r.command(ctx, generate, "bin", "-json", "-std", "-noserial", "-notimestamp", "-version", "v"+r.number, "-output", file, p.file)
}
