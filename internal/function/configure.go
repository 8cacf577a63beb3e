package function

import (
	"cmp"
	"context"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// SetClock sets the clock by which secrets are read anew, for tests. Call it before the
// first use.
func (h *Handler) SetClock(now func() time.Time) { h.now = now }

// SetVault sets what opens the vault of secrets that variables name. Call it before the
// first use.
func (h *Handler) SetVault(open secret.OpenVault) { h.openVault = open }

// Close closes the vault, if it can be closed. No call is under way, and none follows.
func (h *Handler) Close() error {
	if closer, ok := h.vault.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// open takes the variables, and builds a function whose secrets are among them.
func (h *Handler) open(environment map[string]string) {
	h.once.Do(func() {
		h.environment = map[string]string{}
		for _, variable := range os.Environ() {
			name, value, _ := strings.Cut(variable, "=")
			h.environment[name] = value
		}
		maps.Copy(h.environment, environment)
		err := upstream.CheckProxy(h.environment) // before anything is sent, to AWS too
		if err == nil {
			err = h.checkMetrics()
		}
		if err == nil {
			h.vault, err = h.openVault(h.environment, h.now)
		}
		if h.vault == nil {
			h.function.Store(h.built(h.build, h.environment, err))
		}
	})
}

// configure returns the function, and builds it first if need be. Secrets that are
// kept in a vault are read within the time of ctx: a version of them that is
// not the function's own makes the next function out of this one. Without any secrets
// each call is refused with the reason, and the next call tries again.
func (h *Handler) configure(ctx context.Context, environment map[string]string) *Function {
	h.open(environment)
	if h.vault == nil {
		return h.function.Load()
	}
	values, version, err := h.vault.Values(ctx)
	if values == nil {
		h.building.Lock()
		defer h.building.Unlock()
		return h.built(h.build, h.environment, err)
	}
	if err != nil {
		h.log.Warn("the secrets cannot be read anew, those from before are used", "error", detail(err))
	}
	if function := h.function.Load(); function != nil && function.version >= version {
		return function
	}
	return h.rebuilt(values, version)
}

// rebuilt is the function with secrets of a version.
func (h *Handler) rebuilt(values map[string]string, version int) *Function {
	h.building.Lock()
	defer h.building.Unlock()
	before, build := h.function.Load(), h.build
	switch {
	case before != nil && before.version >= version: // another call has built it
		return before
	case before != nil && before.Rebuild != nil:
		build = before.Rebuild
	}
	variables := maps.Clone(h.environment)
	maps.Copy(variables, values)
	function := h.built(build, variables, nil)
	function.version = version
	h.function.Store(function)
	return function
}

// built is the function of these variables. problem, if not nil, is why it cannot
// work whatever else they say.
func (h *Handler) built(build Builder, environment map[string]string, problem error) *Function {
	function, err := build(environment, h.log, h.level)
	if len(function.Calls) == 0 {
		panic("a function without calls")
	}
	if function.err = cmp.Or(problem, err); function.err != nil {
		h.log.Error("the configuration cannot be used", "error", detail(function.err))
	}
	return &function
}

// warmTimeout bounds what is done before the first call. The platform gives the
// init phase 10 seconds (AWS Lambda, "Lambda runtime environment").
const warmTimeout = 5 * time.Second

// Prepare implements [adapter.Handler]: it reads the secrets, and does early what the
// first call would wait for. That call joins what is under way; what fails counts for
// nothing.
func (h *Handler) Prepare() (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
		defer cancel()
		h.open(nil)
		if h.vault != nil && h.vault.Prepare(ctx) != nil {
			return
		}
		function := h.configure(ctx, nil)
		if function.Warm != nil && function.err == nil {
			function.Warm(ctx)
		}
	}()
	return ended
}

// Configured implements [adapter.Handler].
func (h *Handler) Configured() error {
	ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
	defer cancel()
	function := h.configure(ctx, nil)
	if function.err == nil && function.Health != nil {
		return function.Health()
	}
	return function.err
}
