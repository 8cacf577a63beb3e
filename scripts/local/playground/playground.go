// Package playground is the page that scripts/local serves at /. It has a phone to press, and
// traces its signature through the functions to WeChat and back. Buttons cause failures.
//
// Nothing on the page is a recording. A [World] starts the functions as processes. The
// playground has a sandbox of its own as WeChat: its faults and tokens reach no other user of
// the server. The phones are those that all commands share, so an event that is copied from
// the page is genuine there, too. The functions' requests pass a listener of the playground,
// which takes the times of token and WeChat. The times of challenge, phone and function are
// taken around the call.
//
// The page needs no build, sends requests to this server only, and is served only to this
// computer (package loopback).
package playground

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
)

// Timeout is the recommended time limit for the functions of a World: the default of both
// platforms. The mistake "WeChat slow" takes longer.
const Timeout = 3 * time.Second

// World starts the functions that the playground shows.
type World interface {
	// Start starts a function, "token", "challenge" or "verify", in a process of its
	// own on one of [emulator.All]. At base, WeChat has its own paths, and the token
	// function's stand below /functions. With challenges, verify takes no others
	// than those that the challenge function issued. ctx bounds the start only.
	Start(ctx context.Context, base string, f Function) (emulator.Runtime, error)

	// Address returns where the server that everybody uses, at base, takes events for
	// verify, and the headers that it needs there. The event names openid.
	Address(base string, f Function, openid string) (address string, headers http.Header)

	// Line returns the line that a function has logged about an invocation, JSON. It
	// may come a moment after the answer; nil if there is none.
	Line(ctx context.Context, requestID string) []byte

	// IssuedAt returns a challenge of the challenge function, as issued at a time in the past.
	// It is for a user and a purpose, "" for none.
	IssuedAt(openid, purpose string, at time.Time) (string, error)
}

// Function is one function, as the playground hosts it.
type Function struct {
	Name, Platform string
	Challenges     bool
}

// Playground is the page and what it calls. It is made by New, and safe for
// concurrent use.
type Playground struct {
	handler  http.Handler
	page     page
	project  fs.FS
	sandbox  *sandbox.Sandbox
	watcher  *watcher
	internal *http.Server // where the functions ask
	base     string       // of internal

	turn  chan struct{} // holds a token while nobody runs
	ready chan struct{} // closed by Ready, after world is set
	once  sync.Once
	world World

	mu      sync.Mutex
	hosted  map[Function]*host // guarded by mu
	closed  bool               // guarded by mu
	closing chan struct{}      // closed by Close
}

// New makes the page, which can be served at once. Runs wait for Ready. Documents and
// examples are read from project, the root of this project. phones is the folder where the
// phones are kept, so that other commands know their signatures; "" keeps them in memory.
// Whoever makes a Playground closes it.
func New(project fs.FS, phones string) (*Playground, error) {
	p := &Playground{
		project: project,
		turn:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		hosted:  map[Function]*host{},
		closing: make(chan struct{}),
	}
	p.turn <- struct{}{}
	var err error
	if p.page, err = newPage(); err != nil {
		return nil, err
	}
	if p.sandbox, err = sandbox.New(sandbox.Options{Dir: phones}); err != nil {
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
	p.handler = loopback.Only(p.routes(), Pages...)
	return p, nil
}

// Ready says that functions can be started from now on.
func (p *Playground) Ready(world World) {
	p.once.Do(func() {
		p.world = world
		close(p.ready)
	})
}

// Close ends the functions that the playground has started, and waits for those that are
// starting.
func (p *Playground) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.closing)
	hosts := slices.Collect(maps.Values(p.hosted))
	p.mu.Unlock()
	var errs []error
	for _, h := range hosts {
		if <-h.started; h.err == nil {
			errs = append(errs, h.runtime.Close())
		}
	}
	return errors.Join(append(errs, p.internal.Close())...)
}

// host is a function that is hosted, or about to be.
type host struct {
	started chan struct{}    // closed after runtime and err are set
	runtime emulator.Runtime // set if err is nil
	err     error
}

// runtime hosts a function when it is first needed.
func (p *Playground) runtime(ctx context.Context, f Function) (emulator.Runtime, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, emulator.ErrClosed
	}
	h := p.hosted[f]
	if h == nil {
		h = &host{started: make(chan struct{})}
		p.hosted[f] = h
		p.mu.Unlock()
		p.start(ctx, f, h)
		return h.runtime, h.err
	}
	p.mu.Unlock()
	select {
	case <-h.started:
		return h.runtime, h.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start starts a function. The lock is not held meanwhile: verify fetches a token from the
// token function while it starts.
func (p *Playground) start(ctx context.Context, f Function, h *host) {
	runtime, err := p.world.Start(ctx, p.base, f)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.closed {
		err = errors.Join(emulator.ErrClosed, runtime.Close())
	}
	if err != nil { // the next run tries again
		delete(p.hosted, f)
	}
	h.runtime, h.err = runtime, err
	close(h.started)
}

// tokenFunction is the one place that fetches the access_token, whatever the
// platform of the others.
var tokenFunction = Function{Name: "token", Platform: "lambda"}

func (p *Playground) serveToken(w http.ResponseWriter, r *http.Request) {
	runtime, err := p.runtime(r.Context(), tokenFunction)
	if err != nil {
		http.Error(w, "the token function does not run", http.StatusServiceUnavailable)
		return
	}
	emulator.HTTPAPI(runtime).ServeHTTP(w, r)
}

// Pages are the paths that a link on another site may open, such as a copied link to a run
// in an issue. The page cannot be framed, and its opener cannot reach it: see headers.
var Pages = []string{"/"}

// ServeHTTP implements http.Handler. It refuses web pages of other sites, but for links to
// Pages.
func (p *Playground) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// Paths returns the patterns, as http.ServeMux takes them, under which a server
// that is shared with others has to mount the Playground.
func (p *Playground) Paths() []string { return []string{"GET /{$}", prefix} }

// prefix stands before everything but the page itself.
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

// headers keep the page to this server, and others from framing it.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"Cache-Control":                "no-cache",
}
