// Package hosted runs the functions for tests as they are deployed. They are binaries, on
// stand-ins for AWS Lambda and Tencent SCF, in front of a sandbox.
package hosted

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/deploy/events"
	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/tlstest"
)

// folder has the binaries, from Main to the end of the tests.
var folder string

// authority is the file with the certificate authority that functions trust.
var authority string

// Main is the TestMain of a package: it builds functions, by the names of their folders,
// runs the tests, and does not return. With -short it runs none, because running the
// functions as binaries takes long.
func Main(m *testing.M, functions ...string) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("-short leaves out the tests that run the functions as binaries")
		os.Exit(0)
	}
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "hostedtest-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		if err := gobuild.Functions(context.Background(), folder, functions...); err != nil {
			panic(err)
		}
		authority = filepath.Join(folder, "authority.pem")
		if err := os.WriteFile(authority, tlstest.Own().PEM, 0o600); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// Ample is the time limit of a function in a test that is not about limits. It is enough on
// a busy machine.
const Ample = time.Minute

// EchoLimit is the time limit of a function for RequireNoEcho, where some upstreams stay
// silent until the limit ends the call.
const EchoLimit = 5 * time.Second

// Binary returns the path of a function that Main has built.
func Binary(function string) string { return filepath.Join(folder, function) }

// Log collects the output of functions; it may be shared.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns everything that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Sandbox is a [hosting.Upstream] that runs until the test ends.
type Sandbox struct{ *hosting.Upstream }

// NewSandbox starts a Sandbox. This process trusts it from now on.
func NewSandbox(t testing.TB, o sandbox.Options) Sandbox {
	t.Helper()
	tlstest.TrustOwn()
	upstream, err := hosting.OpenUpstream(t.TempDir(), o)
	require.NoError(t, err)
	t.Cleanup(upstream.Close)
	return Sandbox{upstream}
}

// ServeTLS serves handler behind TLS until the test ends, and returns the address. Without
// protocols it negotiates HTTP/2 and HTTP/1.1. Functions of this package trust it, and so
// does this process from now on.
func ServeTLS(t testing.TB, handler http.Handler, protocols ...string) (url string) {
	t.Helper()
	tlstest.TrustOwn()
	if protocols == nil {
		protocols = tlstest.Common
	}
	server := tlstest.Own().Serve(handler, protocols...)
	t.Cleanup(server.Close)
	return server.URL
}

// Serve serves handler in the clear until the test ends, and returns the address.
func Serve(t testing.TB, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// With returns variables with others added or replaced.
func With(variables, others map[string]string) map[string]string {
	all := maps.Clone(variables)
	maps.Copy(all, others)
	return all
}

// Lambda hosts a function on AWS Lambda until the test ends.
func Lambda(t testing.TB, function string, variables map[string]string, timeout time.Duration, log io.Writer) *emulator.Lambda {
	t.Helper()
	return Run(t, emulator.StartLambda, definition(function, forLambda(variables), timeout, log))
}

// SCF hosts a function on Tencent SCF until the test ends.
func SCF(t testing.TB, function string, variables map[string]string, timeout time.Duration, log io.Writer) *emulator.SCF {
	t.Helper()
	return Run(t, emulator.StartSCF, definition(function, variables, timeout, log))
}

// HTTP hosts a function behind a port until the test ends.
func HTTP(t testing.TB, function string, variables map[string]string, timeout time.Duration, log io.Writer) *emulator.HTTPServer {
	t.Helper()
	return Run(t, emulator.StartHTTP, definition(function, variables, timeout, log))
}

// Container hosts service in WeChat Cloud Hosting, in front of s, until the test ends.
func Container(t testing.TB, s Sandbox, variables map[string]string, timeout time.Duration, log io.Writer) *hosting.Container {
	t.Helper()
	start := func(ctx context.Context, f emulator.Function) (*hosting.Container, error) {
		return hosting.StartContainer(ctx, s.Sandbox, f)
	}
	return Run(t, start, definition("service", variables, timeout, log))
}

// Both hosts a function on every platform, by their names.
func Both(t testing.TB, function string, variables map[string]string, timeout time.Duration, log io.Writer) map[string]emulator.Runtime {
	t.Helper()
	all := map[string]emulator.Runtime{}
	for _, platform := range emulator.Platforms {
		own := variables
		if platform.Name == "lambda" {
			if OnRIE() {
				all[platform.Name] = RIE(t, function, variables, timeout, log)
				continue
			}
			own = forLambda(variables)
		}
		all[platform.Name] = Run(t, platform.Start, definition(function, own, timeout, log))
	}
	return all
}

// Run starts a function of any kind, which runs until the test ends.
func Run[R emulator.Runtime](t testing.TB, start func(context.Context, emulator.Function) (R, error), f emulator.Function) R {
	t.Helper()
	runtime, err := start(t.Context(), f)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
	return runtime
}

func definition(function string, variables map[string]string, timeout time.Duration, log io.Writer) emulator.Function {
	variables = With(map[string]string{"SSL_CERT_FILE": authority}, variables)
	return emulator.Function{Name: function, Binary: Binary(function), Env: variables, Timeout: timeout, Log: log}
}

// Invoke runs one event, which must not end in a function error. The environment is what
// SCF sends with this invocation alone.
func Invoke(t testing.TB, runtime emulator.Runtime, event []byte, environment map[string]string) string {
	t.Helper()
	return invoke(t, runtime, emulator.Call{Payload: event, Environment: environment})
}

// InvokeForged is Invoke with an environment that may say of the caller what the platform
// never says.
func InvokeForged(t testing.TB, runtime emulator.Runtime, event []byte, environment map[string]string) string {
	t.Helper()
	return invoke(t, runtime, emulator.Call{Payload: event, Environment: environment, Forged: true})
}

func invoke(t testing.TB, runtime emulator.Runtime, call emulator.Call) string {
	t.Helper()
	answer, err := runtime.Invoke(context.Background(), call)
	require.NoError(t, err)
	require.Empty(t, answer.FunctionError, "%s", answer.Payload)
	return string(answer.Payload)
}

// JSON returns v as an event.
func JSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

// Sample returns the event in deploy/events that the sandbox's demo user has signed.
func Sample(testing.TB) sandbox.Signed { return sandbox.Signed(events.Direct()) }

// Verified is the Cloud Call's answer to a genuine signature.
const Verified = hosting.Verified

// PageCaller is [hosting.PageCaller].
func PageCaller(openid string) map[string]string { return hosting.PageCaller(openid) }
