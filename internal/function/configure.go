package function

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"time"

	"sotercall/internal/secretsmanager"
)

// open takes the variables, and builds a function whose secrets are among them.
func (h *Handler) open(environment map[string]string) {
	h.once.Do(func() {
		h.environment = map[string]string{}
		for _, variable := range os.Environ() {
			name, value, _ := strings.Cut(variable, "=")
			h.environment[name] = value
		}
		maps.Copy(h.environment, environment)
		var err error
		if h.secrets, err = secretsmanager.Open(h.environment, h.now); h.secrets == nil {
			h.function.Store(h.built(h.environment, err))
		}
	})
}

// configure returns the function, and builds it first if need be. Secrets that are
// kept in Secrets Manager are read within the time of ctx.
func (h *Handler) configure(ctx context.Context, environment map[string]string) *Function {
	h.open(environment)
	return h.current(ctx, false)
}

// current is configure once the variables are known. early says that nobody waits for
// the function yet: then a failure counts for nothing.
func (h *Handler) current(ctx context.Context, early bool) *Function {
	function := h.function.Load()
	if h.secrets == nil || function != nil && !h.secrets.Due() {
		return function
	}
	return h.withSecrets(ctx, function, early)
}

// withSecrets is the function as its secrets are now. One call reads them; those
// that come meanwhile go on with the function of before, if there is one. What has
// changed makes a new function, as it would in a new instance. What cannot be read
// leaves the function as it was; without one it is the reason why nothing works, and
// the next call tries again.
func (h *Handler) withSecrets(ctx context.Context, before *Function, early bool) *Function {
	select {
	case h.turn <- struct{}{}:
	default:
		if before != nil {
			return before
		}
		select {
		case h.turn <- struct{}{}:
		case <-ctx.Done():
			return h.built(h.environment, errors.New("its secrets could not be read in time"))
		}
	}
	defer func() { <-h.turn }()
	values, changed, err := h.secrets.Read(ctx)
	if early && err != nil {
		h.secrets.ReadAnew() // the first call tries itself
	}
	function := h.function.Load() // whoever had the turn before may have built it
	switch {
	case values == nil:
		return h.built(h.environment, err)
	case err != nil:
		h.log.Warn("the secrets cannot be read anew, those from before are used", "error", err.Error())
	case changed || function == nil:
		environment := maps.Clone(h.environment)
		maps.Copy(environment, values)
		function = h.built(environment, nil)
		h.function.Store(function)
	}
	return function
}

// built is the function of these variables. problem, if not nil, is why it cannot
// work whatever else they say.
func (h *Handler) built(environment map[string]string, problem error) *Function {
	function, err := h.build(environment, h.log, h.level)
	if len(function.Calls) == 0 {
		panic("a function without calls")
	}
	if function.err = cmp.Or(problem, err); function.err != nil {
		h.log.Error("the configuration cannot be used", "error", function.err.Error())
	}
	return &function
}

// warmTimeout bounds what is done before the first call. The platform gives the
// init phase 10 seconds (AWS Lambda, "Lambda runtime environment").
const warmTimeout = 5 * time.Second

// warmUp runs beside the start of the runtime, which must not wait for the network:
// it reads the secrets, and does early what the first call would wait for. That call
// joins what is under way. done is closed at the end.
func (h *Handler) warmUp() (done <-chan struct{}) {
	h.open(nil)
	ended := make(chan struct{})
	if function := h.function.Load(); function != nil && (function.Warm == nil || function.err != nil) {
		close(ended)
		return ended
	}
	go func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), warmTimeout)
		defer cancel()
		if function := h.current(ctx, true); function.Warm != nil && function.err == nil {
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
