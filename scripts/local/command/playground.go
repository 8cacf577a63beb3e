package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/scripts/local/playground"
)

// play serves the playground beside the rest, with the phones in a folder. The page is
// served at once; its runs need the functions.
func (w *world) play(ctx context.Context, phones string) (*playground.Playground, error) {
	folder, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return nil, err
	}
	project, err := os.OpenRoot(folder) // read as long as the process lives
	if err != nil {
		return nil, err
	}
	p, err := playground.New(project.FS(), phones)
	if err != nil {
		return nil, err
	}
	for _, path := range p.Paths() {
		w.mux.HandleFunc(path, func(reply http.ResponseWriter, r *http.Request) {
			if emulator.IsSCFAPI(r) { // it is at / too
				w.serveRest(reply, r)
				return
			}
			p.ServeHTTP(reply, r)
		})
	}
	return p, nil
}

// stage is where the playground's functions run: processes of their own, with a
// world's binaries.
type stage struct{ world *world }

var _ playground.World = stage{}

// Start implements [playground.World].
func (s stage) Start(ctx context.Context, base string, f playground.Function) (emulator.Runtime, error) {
	i := slices.IndexFunc(functions, func(known function) bool { return known.name == f.Name })
	if i < 0 {
		return nil, fmt.Errorf("there is no function %q", f.Name)
	}
	function := emulator.Function{
		Name:     f.Name,
		Binary:   filepath.Join(s.world.binaries, functions[i].program),
		Env:      functions[i].variables(base, f.Challenges),
		Timeout:  playground.Timeout,
		MemoryMB: 128,
		Log:      s.world.journal,
	}
	on, err := emulator.Named(f.Platform)
	if err != nil {
		return nil, err
	}
	return on.Start(ctx, function)
}

// Address implements [playground.World].
func (s stage) Address(base string, f playground.Function, openid string) (address string, headers http.Header) {
	name, service := f.Name, container
	if f.Challenges {
		name, service = strictVerify, strictContainer
	}
	if on, err := emulator.Named(f.Platform); err == nil && len(on.Paths) > 0 {
		return base + on.Paths[0] + name + "/invocations", nil
	}
	return base + "/callContainer/" + url.PathEscape(openid) + verifyPaths[0], http.Header{"X-WX-SERVICE": {service}}
}

// Line implements [playground.World].
func (s stage) Line(ctx context.Context, requestID string) []byte {
	return s.world.journal.line(ctx, requestID)
}

// IssuedAt implements [playground.World].
func (stage) IssuedAt(openid, purpose string, at time.Time) (string, error) {
	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(challengeSecret)}, challenge.DefaultTTL, func() time.Time { return at })
	if err != nil {
		return "", err
	}
	c, err := issuer.IssueFor(openid, sandbox.DefaultAppID, purpose)
	return c.Text, err
}
