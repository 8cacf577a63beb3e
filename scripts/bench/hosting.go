package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/hosting"
)

// hosted is a measured function.
type hosted struct{ *hosting.Function }

// host starts a program. The caller must close it.
func (b *bench) host(ctx context.Context, on emulator.Platform, program string, variables map[string]string) (hosted, error) {
	b.hosts++
	f, err := hosting.Start(ctx, on, b.hosts, emulator.Function{
		Name: program, Binary: filepath.Join(b.folder, program), Env: variables, Timeout: 10 * time.Second,
	})
	return hosted{f}, err
}

// verify invokes the function with an event that it must find genuine: no other result is
// measured.
func (h hosted) verify(ctx context.Context, event []byte) (emulator.Response, error) {
	answer, err := h.Invoke(ctx, emulator.Call{Payload: event})
	if err != nil {
		return answer, err
	}
	if string(answer.Payload) != hosting.Verified {
		return answer, fmt.Errorf("a genuine signature was answered with %s", answer.Payload)
	}
	return answer, nil
}
