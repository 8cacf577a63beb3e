// Package playground is the page that scripts/local serves at /. It has a phone to press,
// and traces its signature through the functions to WeChat and back. Buttons trigger
// failures.
//
// Nothing on the page is a recording. A [World] starts the functions as processes. WeChat
// and the phones are a sandbox of the playground's own: other users of the server see
// neither its faults nor its tokens. The functions' requests pass through a listener of the
// playground, which measures the times of token and WeChat. Those of challenge, phone and
// function are measured around the call.
//
// The page needs no build step, loads nothing from other servers, and is served only to
// this computer (package loopback).
package playground

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
)

// Timeout is the timeout for the functions of a World: the default of both platforms. The
// slow WeChat of the page is slower.
const Timeout = 3 * time.Second

// World starts the functions of the playground.
type World interface {
	// Start starts a function, "token", "challenge" or "verify", in a process of its own on
	// one of [Platforms]. At base, WeChat has its own paths, and the token function's are
	// below /functions. With challenges, verify accepts only those of the challenge
	// function. ctx bounds the start only.
	Start(ctx context.Context, base string, f Function) (emulator.Runtime, error)

	// Line returns a function's log line for an invocation, JSON. It may wait a moment
	// after the response; nil if there is none.
	Line(ctx context.Context, requestID string) []byte

	// IssuedAt returns a challenge for a user and a purpose, "" for none. It is one of the
	// challenge function, issued at a time in the past.
	IssuedAt(openid, purpose string, at time.Time) (string, error)
}

// Function is one function, as the playground hosts it.
type Function struct {
	Name, Platform string
	Challenges     bool
}

// Platforms are the platforms of functions, by their names in the log.
var Platforms = []string{"lambda", "scf", "http"}

// Playground is the page and its API. Use New to make one. It is safe for concurrent use.
type Playground struct {
	handler  http.Handler
	page     page
	project  fs.FS
	sandbox  *sandbox.Sandbox
	watcher  *watcher
	internal *http.Server // the server for the functions' requests
	base     string       // of internal

	turn  chan struct{} // has an element while no run is under way
	ready chan struct{} // closed by Ready, after world is set
	once  sync.Once
	world World

	mu      sync.Mutex
	hosted  map[Function]emulator.Runtime // guarded by mu
	closed  bool                          // guarded by mu
	closing chan struct{}                 // closed by Close
}

// New makes the page, which can be served at once. Runs wait for Ready. Documents and
// examples are read from project, the root of this project. The caller must close the
// Playground.
func New(project fs.FS) (*Playground, error) {
	p := &Playground{
		project: project,
		turn:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		hosted:  map[Function]emulator.Runtime{},
		closing: make(chan struct{}),
	}
	p.turn <- struct{}{}
	var err error
	if p.page, err = newPage(); err != nil {
		return nil, err
	}
	if p.sandbox, err = sandbox.New(sandbox.Options{}); err != nil {
		return nil, err
	}
	listener, err := loopback.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.base = "http://" + listener.Addr().String()
	p.watcher = newWatcher(p.sandbox, http.HandlerFunc(p.serveToken))
	p.internal = &http.Server{Handler: loopback.Only(p.watcher), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.internal.Serve(listener) }()
	p.handler = loopback.Only(p.routes())
	return p, nil
}

// Ready says that functions can be started from now on.
func (p *Playground) Ready(world World) {
	p.once.Do(func() {
		p.world = world
		close(p.ready)
	})
}

// Close ends the functions that the playground has started.
func (p *Playground) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	close(p.closing)
	var errs []error
	for _, runtime := range p.hosted {
		errs = append(errs, runtime.Close())
	}
	return errors.Join(append(errs, p.internal.Close())...)
}

// runtime hosts a function on first use.
func (p *Playground) runtime(ctx context.Context, f Function) (emulator.Runtime, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, emulator.ErrClosed
	}
	if runtime := p.hosted[f]; runtime != nil {
		return runtime, nil
	}
	runtime, err := p.world.Start(ctx, p.base, f)
	if err != nil {
		return nil, err
	}
	p.hosted[f] = runtime
	return runtime, nil
}

// tokenFunction is the only one that fetches the access_token, whatever the platform of the
// others.
var tokenFunction = Function{Name: "token", Platform: "lambda"}

func (p *Playground) serveToken(w http.ResponseWriter, r *http.Request) {
	runtime, err := p.runtime(r.Context(), tokenFunction)
	if err != nil {
		http.Error(w, "the token function does not run", http.StatusServiceUnavailable)
		return
	}
	emulator.HTTPAPI(runtime).ServeHTTP(w, r)
}

// ServeHTTP implements http.Handler. It refuses web pages of other sites.
func (p *Playground) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Paths returns the Playground's patterns for http.ServeMux, for a server that is shared
// with others.
func (p *Playground) Paths() []string { return []string{"GET /{$}", prefix} }

// prefix is the prefix of all paths but the page itself.
const prefix = "/playground/"

func (p *Playground) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.servePage)
	mux.HandleFunc("GET "+prefix+"read/{name...}", p.serveRead)
	mux.Handle("GET "+prefix, http.StripPrefix(prefix, p.page.files()))
	mux.HandleFunc("GET "+prefix+"state", p.serveState)
	mux.HandleFunc("POST "+prefix+"run", p.serveRun)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		mux.ServeHTTP(w, r)
	})
}

// headers keep the page on this server, and other sites from framing it.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-cache",
}
