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

// SetClock sets the clock for rereading secrets, for tests. Call it before the first use.
func (h *Host) SetClock(now func() time.Time) { h.now = now }

// SetVault sets the function that opens the vault of secrets. Call it before the first use.
func (h *Host) SetVault(open secret.OpenVault) { h.openVault = open }

// Close closes the vault, if it can be closed. No call may be under way or follow.
func (h *Host) Close() error {
	if closer, ok := h.vault.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// open sets the variables, and builds a function with the secrets among them.
func (h *Host) open(environment map[string]string) {
	h.once.Do(func() {
		h.environment = map[string]string{}
		for _, variable := range os.Environ() {
			name, value, _ := strings.Cut(variable, "=")
			h.environment[name] = value
		}
		maps.Copy(h.environment, environment)
		err := upstream.CheckProxy(h.environment) // before anything is sent, to AWS as well
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

// configure returns the function, and builds it first if need be. Secrets in a vault are
// read within the time of ctx. If their version is not the function's, it builds the next
// function from this one. Without any secrets each call is refused with the reason, and the
// next call tries again.
func (h *Host) configure(ctx context.Context, environment map[string]string) *Function {
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

// rebuilt returns the function with secrets of a version.
func (h *Host) rebuilt(values map[string]string, version int) *Function {
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

// built returns the function of these variables. problem, if not nil, makes it refuse every
// call.
func (h *Host) built(build Builder, environment map[string]string, problem error) *Function {
	function, err := build(environment, h.log, h.level)
	if len(function.Calls) == 0 {
		panic("a function without calls")
	}
	if function.err = cmp.Or(problem, err); function.err != nil {
		h.log.Error("the configuration cannot be used", "error", detail(function.err))
	}
	return &function
}

// warmTimeout bounds the work before the first call. The platform gives the init phase 10
// seconds (AWS Lambda, "Lambda runtime environment").
const warmTimeout = 5 * time.Second

// Prepare implements [adapter.Function]: it reads the secrets, and does in advance what the
// first call would wait for. That call joins the work under way; errors are ignored.
func (h *Host) Prepare() (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
		defer cancel()
		h.open(nil)
		if h.vault != nil && h.vault.Prepare(ctx) != nil {
			return
		}
		_ = h.Warm(ctx)
	}()
	return ended
}

// Warm does in advance what the first call would wait for. The error is that of a call.
func (h *Host) Warm(ctx context.Context) error {
	function := h.configure(ctx, nil)
	if function.err != nil {
		return unconfigured(function.err)
	}
	if function.Warm == nil {
		return nil
	}
	return function.Warm(ctx)
}

// Configured implements [adapter.Function].
func (h *Host) Configured() error {
	ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
	defer cancel()
	return h.configure(ctx, nil).hopeless()
}

// Hopeless is [Host.Configured] as far as is known by now. It asks nobody, and does not wait.
func (h *Host) Hopeless() error {
	if function := h.function.Load(); function != nil {
		return function.hopeless()
	}
	return nil
}

// hopeless returns why f cannot work; nil if it can, as far as is known.
func (f *Function) hopeless() error {
	if f.err == nil && f.Health != nil {
		return f.Health()
	}
	return f.err
}
