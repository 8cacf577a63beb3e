package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/loopback"
	"sotercall/internal/dev/sandbox"
	"sotercall/scripts/local/texts"
)

// world has everything that runs: one HTTP server on loopback with the paths of WeChat, the
// clouds and the phones, and the functions behind it.
type world struct {
	base    string // http://127.0.0.1:…
	sandbox *sandbox.Sandbox
	// hosted has the functions on events, by the names of platform and function.
	hosted  map[string]map[string]emulator.Runtime
	hosting cloudHosting // nil without Cloud Hosting
	journal *journal

	mux      *http.ServeMux
	rest     atomic.Pointer[http.Handler] // for all other paths; nil while the world starts
	server   *http.Server
	binaries string // folder of the functions' binaries
	ours     bool   // whether close removes it
}

// settings of a world.
type settings struct {
	addr       string    // where to listen
	config     []byte    // config.json for the Cloud Call gateway; nil permits all
	phones     string    // folder of the phones; "" keeps them in memory
	log        io.Writer // of the functions
	platforms  []string  // by name; nil is all of them
	functions  []string  // by name; nil is all of them
	timeout    time.Duration
	challenges bool                 // verify accepts only challenges of the challenge function
	containers *loopback.Containers // that are served as well; nil for none
	pages      []string             // paths that links on other sites may open
	progress   *progress            // of building; nil reports nothing
	binaries   string               // of another world, to reuse; "" builds them
}

// platform is a platform that runs functions.
type platform struct{ name, title string }

// column returns the name of p above a column of the demo.
func (p platform) column(table texts.Table) string {
	if p.name == httpPlatform {
		return table.Say("demo.hosting")
	}
	return p.title
}

// httpPlatform is the platform of HTTP servers in the functions' log.
const httpPlatform = "http"

// platforms are those of a world, in the order of display: those that run functions on
// events, and containers.
var platforms = func() (all []platform) {
	for _, p := range emulator.Platforms {
		all = append(all, platform{p.Name, p.Title})
	}
	return append(all, platform{httpPlatform, "Cloud Hosting"})
}()

func names[T any](all []T, name func(T) string) []string {
	var names []string
	for _, one := range all {
		names = append(names, name(one))
	}
	return names
}

func platformNames() []string { return names(platforms, func(p platform) string { return p.name }) }

// runs reports whether a world with these settings has that platform.
func (s settings) runs(platform string) bool {
	return s.platforms == nil || slices.Contains(s.platforms, platform)
}

// runsEvents reports whether it has one that runs functions on events.
func (s settings) runsEvents() bool {
	return slices.ContainsFunc(emulator.Platforms, func(p emulator.Platform) bool { return s.runs(p.Name) })
}

// hosts reports whether a world with these settings has that function.
func (s settings) hosts(function string) bool {
	return s.functions == nil || slices.Contains(s.functions, function)
}

// open builds and starts everything. The caller must close the world.
func open(ctx context.Context, s settings) (*world, error) {
	w, err := listen(s)
	if err != nil {
		return nil, err
	}
	if err := w.startAll(ctx, s); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// listen serves WeChat at once, so that its address is known and works. The rest is 503
// until startAll has ended.
func listen(s settings) (_ *world, err error) {
	w := &world{
		hosted:  map[string]map[string]emulator.Runtime{},
		journal: newJournal(s.log),
		mux:     http.NewServeMux(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.sandbox, err = sandbox.New(sandbox.Options{Dir: s.phones, FirstToken: sandbox.EventToken, FunctionConfig: s.config, Containers: s.containers != nil}); err != nil {
		return nil, err
	}
	listener, err := loopback.Listen(s.addr)
	if err != nil {
		return nil, err
	}
	w.base = "http://" + listener.Addr().String()
	for _, path := range w.sandbox.Paths() {
		w.mux.Handle(path, w.sandbox)
	}
	w.mux.HandleFunc("/", w.serveRest)
	w.server = &http.Server{Handler: s.guard(w.mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(listener) }()
	return w, w.serveContainers(s, listener.Addr())
}

// startAll builds the functions and starts each of them.
func (w *world) startAll(ctx context.Context, s settings) (err error) {
	if w.binaries = s.binaries; w.binaries == "" {
		if w.binaries, err = build(ctx, s.programs(), s.progress); err != nil {
			return err
		}
		w.ours = true
	}
	for _, f := range functions {
		if s.hosts(f.name) {
			if err := w.start(ctx, f, s); err != nil {
				return err
			}
		}
	}
	rest := http.NewServeMux()
	if s.runs(httpPlatform) {
		if w.hosting, err = startHosting(ctx, w, s); err != nil {
			return err
		}
		rest.Handle(containerPath, w.hosting)
	}
	for _, platform := range emulator.Platforms {
		for _, path := range platform.Paths {
			rest.Handle(path, platform.API(w.hosted[platform.Name]))
		}
	}
	gateway, scf := http.NotFoundHandler(), emulator.SCFAPI(w.hosted["scf"], emulator.TC3Key{})
	if verify := w.front("verify"); verify != nil {
		gateway = emulator.HTTPAPI(verify)
	}
	rest.HandleFunc("/", func(reply http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && emulator.IsSCFAPI(r) {
			scf.ServeHTTP(reply, r)
			return
		}
		gateway.ServeHTTP(reply, r)
	})
	handler := http.Handler(rest)
	w.rest.Store(&handler)
	return nil
}

// serveRest serves the paths of the functions.
func (w *world) serveRest(reply http.ResponseWriter, r *http.Request) {
	if rest := w.rest.Load(); rest != nil {
		(*rest).ServeHTTP(reply, r)
		return
	}
	reply.Header().Set("Retry-After", "2")
	reply.Header().Set("Content-Type", "application/json")
	reply.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(reply, `{"message":"The functions are being built and started. Try again in a few seconds."}`)
}

// start hosts one function on each platform for events, and puts it behind the one base URL of all
// functions.
func (w *world) start(ctx context.Context, f function, s settings) error {
	for _, platform := range emulator.Platforms {
		if !s.runs(platform.Name) {
			continue
		}
		runtime, err := platform.Start(ctx, emulator.Function{
			Name:     f.name,
			Binary:   filepath.Join(w.binaries, f.program),
			Env:      f.variables(w.base, s.challenges),
			Timeout:  s.timeout,
			MemoryMB: 128,
			Log:      w.journal,
		})
		if err != nil {
			return err
		}
		if w.hosted[platform.Name] == nil {
			w.hosted[platform.Name] = map[string]emulator.Runtime{}
		}
		w.hosted[platform.Name][f.name] = runtime
	}
	if runtime := w.front(f.name); runtime != nil && !f.alternative {
		for _, path := range f.paths {
			w.mux.Handle(functionsBase+path, emulator.HTTPAPI(runtime))
		}
	}
	return nil
}

// front returns the runtime behind a function's HTTP endpoint.
func (w *world) front(name string) emulator.Runtime {
	for _, platform := range emulator.Platforms {
		if runtime, ok := w.hosted[platform.Name][name]; ok {
			return runtime
		}
	}
	return nil
}

// close ends everything that open has started, and removes its files.
func (w *world) close() error {
	var errs []error
	for _, runtimes := range w.hosted {
		for _, runtime := range runtimes {
			errs = append(errs, runtime.Close())
		}
	}
	errs = append(errs, w.hosting.close())
	if w.server != nil {
		errs = append(errs, w.server.Close())
	}
	if w.ours {
		errs = append(errs, os.RemoveAll(w.binaries))
	}
	return errors.Join(errs...)
}
