package emulator

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/dev/gobuild"
)

// buildDir holds the test functions' binaries, which are built when first needed.
var buildDir string

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "emulator"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(buildDir)
		os.Exit(code)
	}))
}

var (
	buildLambda = sync.OnceValues(func() (string, error) { return build("lambdafunction") })
	buildSCF    = sync.OnceValues(func() (string, error) { return build("scffunction") })
	// buildUnguarded builds a function that the library would serve to everybody.
	buildUnguarded = sync.OnceValues(func() (string, error) { return build("unguardedfunction") })
)

func build(program string) (string, error) {
	binary := filepath.Join(buildDir, program)
	return binary, gobuild.Target{}.Program(context.Background(), "internal/dev/emulator/testdata/"+program, binary)
}

func lambdaBinary(t *testing.T) string {
	t.Helper()
	binary, err := buildLambda()
	require.NoError(t, err)
	return binary
}

func scfBinary(t *testing.T) string {
	t.Helper()
	binary, err := buildSCF()
	require.NoError(t, err)
	return binary
}

// startLambda starts the test function. A generous timeout is the default: only tests about time-outs want a short one.
func startLambda(t *testing.T, f Function) *Lambda {
	t.Helper()
	f = testFunction(f)
	f.Binary = lambdaBinary(t)
	l, err := StartLambda(t.Context(), f)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func startSCF(t *testing.T, f Function) *SCF {
	t.Helper()
	f = testFunction(f)
	if f.Binary == "" {
		f.Binary = scfBinary(t)
	}
	s, err := StartSCF(t.Context(), f)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func testFunction(f Function) Function {
	if f.Name == "" {
		f.Name = "verify"
	}
	if f.Timeout == 0 {
		f.Timeout = time.Minute
	}
	return f
}

// do asks the test function to do something.
func do(t *testing.T, rt Runtime, what, text string) Response {
	t.Helper()
	answer, err := rt.Invoke(t.Context(), Call{Payload: event(t, what, text)})
	require.NoError(t, err)
	return answer
}

func event(t *testing.T, what, text string) []byte {
	t.Helper()
	payload, err := json.Marshal(map[string]string{"Do": what, "Text": text}, json.Deterministic(true))
	require.NoError(t, err)
	return payload
}

func requireEcho(t *testing.T, rt Runtime) Response {
	t.Helper()
	answer, err := rt.Invoke(t.Context(), Call{Payload: []byte(`{"still":"there"}`)})
	require.NoError(t, err)
	require.Empty(t, answer.FunctionError, "%s", answer.Payload)
	require.JSONEq(t, `{"still":"there"}`, string(answer.Payload))
	return answer
}

// runtimeFunc is a Runtime without a process.
type runtimeFunc func(ctx context.Context, call Call) (Response, error)

func (f runtimeFunc) Invoke(ctx context.Context, call Call) (Response, error) { return f(ctx, call) }
func (f runtimeFunc) Close() error                                            { return nil }

// processExists says whether a process that we started has not ended yet.
func processExists(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

// logBuffer is a Function.Log to read from at any time.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
