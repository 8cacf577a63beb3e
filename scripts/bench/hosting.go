package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/emulator"
	"sotercall/internal/sandbox"
)

// verified is the answer to a genuine signature, of the function and of the
// baseline alike.
const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

// platforms are where functions run.
var platforms = func() (all []platform) {
	for _, p := range emulator.Platforms {
		all = append(all, platform{p.Title, p.Start})
	}
	return all
}()

type platform struct {
	name  string
	start func(context.Context, emulator.Function) (emulator.Runtime, error)
}

// hosted is a function that runs on a platform.
type hosted struct {
	emulator.Runtime
	binary string // a link of its own, by which its process is found
}

// host starts a program. Whoever does so closes it.
func (b *bench) host(ctx context.Context, on platform, program string, variables map[string]string) (*hosted, error) {
	b.hosts++
	return hostLink(ctx, on, filepath.Join(b.folder, program), b.hosts, emulator.Function{
		Name: program, Env: variables, Timeout: 10 * time.Second,
	})
}

// hostLink starts a binary from a link with a number in its name.
func hostLink(ctx context.Context, on platform, binary string, number int, f emulator.Function) (*hosted, error) {
	f.Binary = fmt.Sprintf("%s-%d", binary, number)
	if err := os.Link(binary, f.Binary); err != nil {
		return nil, err
	}
	runtime, err := on.start(ctx, f)
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Binary))
	}
	return &hosted{Runtime: runtime, binary: f.Binary}, nil
}

func (h *hosted) close() error { return errors.Join(h.Close(), os.Remove(h.binary)) }

// verify invokes the function with an event that it must find genuine: a figure
// of other answers is none.
func (h *hosted) verify(ctx context.Context, event []byte) (emulator.Answer, error) {
	answer, err := h.Invoke(ctx, emulator.Call{Payload: event})
	if err != nil {
		return answer, err
	}
	if string(answer.Payload) != verified {
		return answer, fmt.Errorf("a genuine signature was answered with %s", answer.Payload)
	}
	return answer, nil
}

// baselineVariables are those that the call program needs: ours and, if it is
// not to fetch one itself, a token.
func (b *bench) baselineVariables(token string) map[string]string {
	variables := b.upstream.variables()
	if token != "" {
		variables["ACCESS_TOKEN"] = token
	}
	return variables
}

// eventOf is what a Mini Program's backend sends.
func eventOf(s sandbox.Signed) []byte {
	event, err := json.Marshal(s)
	if err != nil {
		panic(err) // three strings in UTF-8
	}
	return event
}
