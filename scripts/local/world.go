package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"sotercall/internal/emulator"
	"sotercall/internal/gobuild"
	"sotercall/internal/loopback"
	"sotercall/internal/sandbox"
)

// world is all that runs: one HTTP server on loopback with WeChat's paths, the
// clouds' and the phones', and the functions behind it.
type world struct {
	base    string // http://127.0.0.1:…
	sandbox *sandbox.Sandbox
	hosted  map[string]map[string]emulator.Runtime // by the names of platform and function

	mux      *http.ServeMux
	rest     atomic.Pointer[http.Handler] // for paths that mux does not have; nil while the world starts
	server   *http.Server
	binaries string // folder of the functions' binaries
	ours     bool   // whether close removes it
}

// settings of a world.
type settings struct {
	addr       string    // where to listen
	config     []byte    // config.json that the Cloud Call gateway goes by; nil permits all
	phones     string    // folder where phones are kept; "" keeps them in memory
	log        io.Writer // of the functions
	platforms  []emulator.Platform
	timeout    time.Duration
	challenges bool   // verify takes only challenges that the challenge function issued
	binaries   string // of another world, to use again
}

// functionNames are the functions of this project, by the folders they stand in.
// Each needs only those before it.
var functionNames = []string{"token", "challenge", "verify"}

// What the functions of a world trust each other with. It opens nothing else.
const (
	clientSecret    = "local-client-secret-is-no-secret"
	challengeSecret = "local-challenge-secret-is-no-secret"
)

// open builds and starts everything. Whoever opens a world closes it.
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

// listen serves WeChat at once, so that its address is known and can be asked. The
// rest is answered with 503 until startAll has ended.
func listen(s settings) (_ *world, err error) {
	w := &world{
		hosted: map[string]map[string]emulator.Runtime{},
		mux:    http.NewServeMux(), binaries: s.binaries,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.sandbox, err = sandbox.New(sandbox.Options{Dir: s.phones, FirstToken: sandbox.EventToken, FunctionConfig: s.config}); err != nil {
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
	w.server = &http.Server{Handler: loopback.Only(w.mux), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(listener) }()
	return w, nil
}

// startAll builds the functions and starts each of them.
func (w *world) startAll(ctx context.Context, s settings) (err error) {
	if w.binaries == "" {
		w.ours = true
		if w.binaries, err = build(ctx); err != nil {
			return err
		}
	}
	for _, name := range functionNames {
		if err := w.start(ctx, name, s); err != nil {
			return err
		}
	}
	clouds := http.NewServeMux()
	for _, path := range emulator.InvokeAPIPaths {
		clouds.Handle(path, emulator.InvokeAPI(w.hosted["lambda"]))
	}
	clouds.Handle("/scf/functions/", emulator.SCFInvokeAPI(w.hosted["scf"]))
	gateway, scf := emulator.HTTPAPI(w.front("verify")), emulator.SCFAPI(w.hosted["scf"], emulator.TC3Key{})
	clouds.HandleFunc("/", func(reply http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && emulator.IsSCFAPI(r) {
			scf.ServeHTTP(reply, r)
			return
		}
		gateway.ServeHTTP(reply, r)
	})
	rest := http.Handler(clouds)
	w.rest.Store(&rest)
	return nil
}

// serveRest answers what leads to the functions.
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

// start hosts one function, and puts it behind the one base URL of all functions.
func (w *world) start(ctx context.Context, name string, s settings) error {
	f := emulator.Function{
		Name:     name,
		Binary:   filepath.Join(w.binaries, name),
		Env:      w.variables(name, s.challenges),
		Timeout:  s.timeout,
		MemoryMB: 128,
		Log:      s.log,
	}
	for _, platform := range s.platforms {
		runtime, err := platform.Start(ctx, f)
		if err != nil {
			return err
		}
		if w.hosted[platform.Name] == nil {
			w.hosted[platform.Name] = map[string]emulator.Runtime{}
		}
		w.hosted[platform.Name][name] = runtime
	}
	for _, path := range httpPaths[name] {
		w.mux.Handle(functionsBase+path, emulator.HTTPAPI(w.front(name)))
	}
	return nil
}

// functionsBase stands before the functions' paths: WeChat's own are the sandbox's.
const functionsBase = "/functions"

// httpPaths are the HTTP doors of each function.
var httpPaths = map[string][]string{
	"token":     {"/cgi-bin/token", "/cgi-bin/stable_token"},
	"challenge": {"/openapi/soter/issueChallenge"},
	"verify":    {"/openapi/soter/verifySignature", "/cgi-bin/soter/verify_signature"},
}

// front is the runtime that a function's HTTP door leads to.
func (w *world) front(name string) emulator.Runtime {
	for _, platform := range emulator.Platforms {
		if runtime, ok := w.hosted[platform.Name][name]; ok {
			return runtime
		}
	}
	return nil
}

// variables are what a function gets: this world's WeChat for the token function,
// the token function for verify, and doors that stand open because nobody but
// this computer comes to them.
func (w *world) variables(name string, challenges bool) map[string]string {
	switch name {
	case "token":
		return map[string]string{
			"WECHAT_APPID":         sandbox.DefaultAppID,
			"WECHAT_APPSECRET":     sandbox.DefaultAppSecret,
			"WECHAT_API_BASE":      w.base,
			"TOKEN_CLIENT_SECRETS": clientSecret,
			"HTTP_BASE_PATH":       functionsBase,
		}
	case "challenge":
		return map[string]string{"CHALLENGE_SECRET": challengeSecret, "HTTP_AUTH": "platform", "HTTP_BASE_PATH": functionsBase}
	}
	verify := map[string]string{
		"WECHAT_APPID":      sandbox.DefaultAppID,
		"WECHAT_APPSECRET":  clientSecret,
		"WECHAT_API_BASE":   w.base,
		"WECHAT_TOKEN_BASE": w.base + functionsBase,
		"HTTP_AUTH":         "platform",
		"HTTP_BASE_PATH":    functionsBase,
	}
	if challenges {
		verify["CHALLENGE_SECRET"] = challengeSecret
	}
	return verify
}

// close ends everything that open has started, and removes what it has made.
func (w *world) close() error {
	var errs []error
	for _, runtimes := range w.hosted {
		for _, runtime := range runtimes {
			errs = append(errs, runtime.Close())
		}
	}
	if w.server != nil {
		errs = append(errs, w.server.Close())
	}
	if w.ours && w.binaries != "" {
		errs = append(errs, os.RemoveAll(w.binaries))
	}
	return errors.Join(errs...)
}

// build compiles the functions as they are deployed, for this computer, into a
// folder of their own.
func build(ctx context.Context) (folder string, err error) {
	folder, err = os.MkdirTemp("", "sotercall-")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	return folder, gobuild.Functions(ctx, folder, functionNames...)
}

func phonesFlag(flags *flag.FlagSet) *string {
	return flags.String("phones", "", "folder where the phones' keys are kept between commands (default .sandbox beside go.mod)")
}

// phonesFolder is where phones live between commands.
func phonesFolder(ctx context.Context, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return "", err
	}
	return filepath.Join(root, ".sandbox"), nil
}
