package main

import (
	"context"
	"maps"
	"path/filepath"

	"sotercall/internal/dev/emulator"
)

// behindPort are the variables of a service behind a port. An authorizer replaces the
// bearer token, which the baseline does not check.
var behindPort = map[string]string{"HOST": "127.0.0.1", "HTTP_AUTH": "platform"}

// http measures the service as a server: the start, and the cost of a request. The baseline
// is a server of net/http that makes the one HTTPS call.
func (b *bench) http(ctx context.Context) ([]Figure, error) {
	preparing, leave, err := b.newcomer()
	if err != nil {
		return nil, err
	}
	defer leave()
	preparing.path = filepath.Join(b.folder, "service")
	maps.Copy(preparing.variables, behindPort)
	idle := b.idle()
	idle.path = preparing.path
	maps.Copy(idle.variables, behindPort)
	bare := command{path: filepath.Join(b.folder, "call"), variables: map[string]string{"HOST": "127.0.0.1"}}
	var figures []Figure
	for _, s := range []struct {
		how  string
		ours command
	}{{"nothing to prepare", idle}, {"token and connection under way", preparing}} {
		samples, err := inTurns(ctx, b.starts,
			func() (float64, error) { return s.ours.toServing(ctx) },
			func() (float64, error) { return bare.toServing(ctx) })
		if err != nil {
			return nil, err
		}
		figures = append(figures, Figure{Name: "exec to listening (HTTP), " + s.how, Unit: Milliseconds}.
			against(handlerWithCall, samples[0], samples[1], Goal{AtMost, 1.15}))
	}
	warm, err := b.warmOn(ctx, emulator.Port, "service", behindPort)
	return append(figures, warm...), err
}
