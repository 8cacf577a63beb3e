package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sotercall/internal/emulator"
	"sotercall/internal/sandbox"
)

// world is all that runs: one HTTP server on loopback with WeChat's paths, the
// clouds' and the phones', and the functions behind it.
type world struct {
	base    string // http://127.0.0.1:…
	sandbox *sandbox.Sandbox
	lambda  map[string]emulator.Runtime // by function name
	scf     map[string]emulator.Runtime

	server   *http.Server
	binaries string // folder of the functions' binaries, removed by close
}

// settings of a world.
type settings struct {
	addr     string    // where to listen
	phones   string    // folder where phones are kept; "" keeps them in memory
	log      io.Writer // of the functions
	lambda   bool      // which platforms to start
	scf      bool
	timeout  time.Duration
	variable map[string]string // added to every function's own
}

// eventToken is the access_token that stands in deploy/events: the sandbox of a
// world hands it out first, so that those events can be invoked as they are.
const eventToken = "ACCESS_TOKEN"

// functionNames are the functions of this project, by the folder they stand in.
var functionNames = []string{"verify"}

// open builds and starts everything. Whoever opens a world closes it.
func open(ctx context.Context, s settings) (_ *world, err error) {
	w := &world{lambda: map[string]emulator.Runtime{}, scf: map[string]emulator.Runtime{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.sandbox, err = sandbox.New(sandbox.Options{Dir: s.phones, FirstToken: eventToken}); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	w.base = "http://" + listener.Addr().String()
	if w.binaries, err = build(ctx); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	for _, path := range w.sandbox.Paths() {
		mux.Handle(path, w.sandbox)
	}
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = w.server.Serve(listener) }()

	for _, name := range functionNames {
		f := emulator.Function{
			Name:     name,
			Binary:   filepath.Join(w.binaries, name),
			Env:      w.variables(s.variable),
			Timeout:  s.timeout,
			MemoryMB: 128,
			Log:      s.log,
		}
		if s.lambda {
			if w.lambda[name], err = emulator.StartLambda(ctx, f); err != nil {
				return nil, err
			}
		}
		if s.scf {
			if w.scf[name], err = emulator.StartSCF(ctx, f); err != nil {
				return nil, err
			}
		}
	}
	mux.Handle("/2015-03-31/functions/", emulator.InvokeAPI(w.lambda))
	mux.Handle("/scf/functions/", emulator.SCFInvokeAPI(w.scf))
	if s.lambda {
		mux.Handle("/", emulator.HTTPAPI(w.lambda["verify"]))
	}
	return w, nil
}

// variables are those that every function gets: this world's WeChat, and doors
// that stand open because nobody but this computer comes to them.
func (w *world) variables(more map[string]string) map[string]string {
	all := map[string]string{
		"WECHAT_APPID":     sandbox.DefaultAppID,
		"WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE":  w.base,
		"HTTP_AUTH":        "platform",
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

// close ends everything that open has started, and removes what it has made.
func (w *world) close() error {
	var errs []error
	for _, runtimes := range []map[string]emulator.Runtime{w.lambda, w.scf} {
		for _, runtime := range runtimes {
			errs = append(errs, runtime.Close())
		}
	}
	if w.server != nil {
		errs = append(errs, w.server.Close())
	}
	if w.binaries != "" {
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
	for _, name := range functionNames {
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "lambda.norpc",
			"-ldflags", "-s -w", "-o", filepath.Join(folder, name), "sotercall/functions/"+name)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		var said bytes.Buffer
		command.Stdout, command.Stderr = &said, &said
		if err := command.Run(); err != nil {
			return "", fmt.Errorf("go build %s: %w\n%s", name, err, said.String())
		}
	}
	return folder, nil
}

func phonesFlag(flags *flag.FlagSet) *string {
	return flags.String("phones", "", "folder where the phones' keys are kept between commands (default .sandbox beside go.mod)")
}

// phonesFolder is where phones live between commands.
func phonesFolder(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), ".sandbox"), nil
}
