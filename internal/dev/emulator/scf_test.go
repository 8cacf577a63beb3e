package emulator

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type scfContext struct {
	Function struct {
		RequestID       string
		Namespace       string
		FunctionName    string
		FunctionVersion string
		MemoryLimitInMb int
		TimeLimitInMs   int
		ClientContext   struct{ Custom map[string]string }
		Environment     map[string]string
	}
	Deadline time.Time
	Environ  []string
	Started  []string
	PID      int
}

func TestSCFPayloadIsHandedOverByteForByte(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	for _, payload := range []string{"{ \"a\" : \"<&>\\u0000\" }\n", `"text"`, "null", "not JSON \xff\x00"} {
		answer, err := s.Invoke(t.Context(), Call{Payload: []byte(payload), RequestID: "r-1"})
		require.NoError(t, err)
		assert.Equal(t, payload, string(answer.Payload))
		assert.Empty(t, answer.FunctionError)
		assert.Equal(t, "r-1", answer.RequestID)
	}
}

func TestSCFContextReachesTheFunction(t *testing.T) {
	t.Parallel()
	const timeout = 40 * time.Second
	s := startSCF(t, Function{Name: "verify", Timeout: timeout, MemoryMB: 256, Env: map[string]string{"WECHAT_APPID": "wx1", "MODE": "a"}})

	before := time.Now()
	answer, err := s.Invoke(t.Context(), Call{
		Payload:       event(t, "context", ""),
		RequestID:     "b17b75c6-4db0-4f0a-8f2b-5d2c7a1c0a11",
		ClientContext: []byte(`{"custom":{"k":"v"}}`),
		Environment:   map[string]string{"WX_OPENID": "o1", "MODE": "b"},
	})
	after := time.Now()
	require.NoError(t, err)

	var got scfContext
	require.NoError(t, json.Unmarshal(answer.Payload, &got))
	f := got.Function
	assert.Equal(t, "b17b75c6-4db0-4f0a-8f2b-5d2c7a1c0a11", f.RequestID)
	assert.Equal(t, "verify", f.FunctionName)
	assert.Equal(t, "$LATEST", f.FunctionVersion)
	assert.Equal(t, "default", f.Namespace)
	assert.Equal(t, 256, f.MemoryLimitInMb)
	assert.Equal(t, 40_000, f.TimeLimitInMs)
	assert.Equal(t, map[string]string{"k": "v"}, f.ClientContext.Custom)
	assert.Equal(t, map[string]string{"WECHAT_APPID": "wx1", "MODE": "b", "WX_OPENID": "o1"}, f.Environment, "the call's wins")
	assert.WithinRange(t, got.Deadline, before.Add(timeout), after.Add(timeout))
}

func TestSCFConfiguredVariablesComeOnlyWithTheCall(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "must not leak")
	s := startSCF(t, Function{Name: "verify", Env: map[string]string{"WECHAT_APPID": "wx1"}})
	var got scfContext
	require.NoError(t, json.Unmarshal(do(t, s, "context", "").Payload, &got))

	assert.Contains(t, got.Started, "TENCENTCLOUD_RUNENV=SCF")
	assert.Contains(t, got.Started, "FUNCTION_NAME=verify")
	assert.Contains(t, got.Started, "SCF_NAMESPACE=default")
	assert.NotContains(t, strings.Join(got.Started, "\n"), "WECHAT_APPID")
	assert.NotContains(t, strings.Join(got.Environ, "\n"), "SECRET_OF_THE_HOST")
	assert.Contains(t, got.Environ, "WECHAT_APPID=wx1", "put there by scf-go-lib at the call")
}

// The reason why a function must not take its caller from the process environment, and the proof that it is
// scf-go-lib which runs here.
func TestSCFLastCallersVariablesStayInTheProcess(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	getenv := event(t, "getenv", "WX_OPENID")
	answer, err := s.Invoke(t.Context(), Call{Payload: getenv, Environment: map[string]string{"WX_OPENID": "oAlice"}})
	require.NoError(t, err)
	require.Equal(t, `"oAlice"`, string(answer.Payload))

	answer, err = s.Invoke(t.Context(), Call{Payload: getenv})
	require.NoError(t, err)
	assert.Equal(t, `"oAlice"`, string(answer.Payload), "nobody said so this time")

	do(t, s, "exit", "")
	answer, err = s.Invoke(t.Context(), Call{Payload: getenv})
	require.NoError(t, err)
	assert.Equal(t, `""`, string(answer.Payload), "a new process")
}

func TestSCFCallsRunInParallel(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	first := make(chan Response, 1)
	go func() {
		answer, err := s.Invoke(context.Background(), Call{Payload: []byte(`{"Do":"meet"}`)})
		assert.NoError(t, err)
		first <- answer
	}()
	assert.Empty(t, do(t, s, "meet", "").FunctionError)
	assert.Empty(t, (<-first).FunctionError)
}

func TestSCFHandlerErrorAndPanicKeepTheProcess(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	answer, err := s.Invoke(t.Context(), Call{Payload: event(t, "error", "no such user"), RequestID: "r-3"})
	require.NoError(t, err)
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.JSONEq(t, `{"errorCode":1,"errorMessage":"no such user","errorType":"errorString","requestId":"r-3","statusCode":430}`, string(answer.Payload))
	assert.Positive(t, answer.InitDuration, "the first call on this process")

	answer = do(t, s, "panic", "oh no")
	assert.Equal(t, "Unhandled", answer.FunctionError)
	var document struct {
		ErrorMessage, ErrorType string
		StackTrace              []struct{ Path string }
	}
	require.NoError(t, json.Unmarshal(answer.Payload, &document))
	assert.Equal(t, "oh no", document.ErrorMessage)
	assert.Equal(t, "string", document.ErrorType)
	assert.NotEmpty(t, document.StackTrace)

	assert.Zero(t, requireEcho(t, s).InitDuration, "the same process")
}

func TestSCFExitIsAnErrorAndTheNextCallStartsAgain(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	requireEcho(t, s)
	answer, err := s.Invoke(t.Context(), Call{Payload: event(t, "exit", ""), RequestID: "r-4"})
	require.NoError(t, err)
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.JSONEq(t, `{"errorCode":-1,"errorMessage":"User process exit when running","requestId":"r-4","statusCode":439}`, string(answer.Payload))
	assert.Positive(t, requireEcho(t, s).InitDuration, "a new process")
}

func TestSCFTimeoutKillsTheProcess(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{Timeout: time.Second})
	var warm scfContext
	require.NoError(t, json.Unmarshal(do(t, s, "context", "").Payload, &warm))

	answer, err := s.Invoke(t.Context(), Call{Payload: event(t, "hang", ""), RequestID: "r-2"})
	require.NoError(t, err)
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.JSONEq(t, `{"errorCode":-1,"errorMessage":"Invoking task timed out after 1 seconds","requestId":"r-2","statusCode":433}`, string(answer.Payload))
	assert.GreaterOrEqual(t, answer.Duration, 900*time.Millisecond)
	assert.False(t, processExists(warm.PID))

	assert.Positive(t, requireEcho(t, s).InitDuration, "a new process")
}

func TestSCFAnswerLargerThanTheLimitIsAFunctionError(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	answer := do(t, s, "large", "")
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.Contains(t, string(answer.Payload), `"statusCode":407`)
	requireEcho(t, s)
}

func TestSCFInitFailureIsAnErrorWithTheLog(t *testing.T) {
	t.Parallel()
	_, err := StartSCF(t.Context(), Function{Name: "init-fails", Binary: scfBinary(t)})
	require.ErrorContains(t, err, "function init-fails: init: process ended: exit status 1")
	require.ErrorContains(t, err, "cannot work like this")

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = StartSCF(ctx, Function{Name: "init-hangs", Binary: scfBinary(t)})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestSCFInitFailureAtACallIsAFunctionError(t *testing.T) {
	t.Parallel()
	binary := ownFolder(t)
	s := startSCF(t, Function{Name: "starts-once", Binary: binary})
	do(t, s, "exit", "")

	answer := do(t, s, "echo", "")
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.Contains(t, string(answer.Payload), `"statusCode":439`)
	assert.Contains(t, string(answer.LogTail), "file exists", "the log of the failed init")

	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(binary), "once")))
	requireEcho(t, s)
}

func TestSCFRefusesVariablesThatThePlatformReserves(t *testing.T) {
	t.Parallel()
	_, err := StartSCF(t.Context(), Function{Name: "verify", Binary: scfBinary(t), Env: map[string]string{"TENCENTCLOUD_SECRETID": "x"}})
	require.ErrorContains(t, err, "variable TENCENTCLOUD_SECRETID")

	s := startSCF(t, Function{})
	answer, err := s.Invoke(t.Context(), Call{
		Payload:     event(t, "getenv", "TENCENTCLOUD_SECRETID"),
		Environment: map[string]string{"TENCENTCLOUD_SECRETID": "from the platform"},
	})
	require.NoError(t, err)
	assert.Equal(t, `"from the platform"`, string(answer.Payload))
}

func TestSCFLogTailIsThisCallsLog(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := startSCF(t, Function{Log: &log})
	for range 20 { // each line may still be in the pipe when the answer arrives
		assert.Equal(t, "first\nsecond\n", string(do(t, s, "log", "first\nsecond\n").LogTail))
		assert.Equal(t, "third\n", string(do(t, s, "log", "third\n").LogTail))
	}
	assert.Equal(t, strings.Repeat("first\nsecond\nthird\n", 20), log.String())
}

func TestSCFCloseEndsCallsAndProcessOnce(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	pid := s.instance.process.cmd.Process.Pid
	require.True(t, processExists(pid))

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Invoke(ctx, Call{Payload: event(t, "hang", "")}) // goes on without its caller
	require.ErrorIs(t, err, context.DeadlineExceeded)
	busy := make(chan error, 1)
	go func() {
		_, err := s.Invoke(context.Background(), Call{Payload: []byte(`{"Do":"hang"}`)})
		busy <- err
	}()

	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-busy, ErrClosed)
	assert.False(t, processExists(pid))
	_, err = s.Invoke(t.Context(), Call{Payload: []byte("{}")})
	require.ErrorIs(t, err, ErrClosed)
}

func TestSCFProcessThatDiedBetweenCallsIsReplaced(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{})
	requireEcho(t, s)
	require.NoError(t, s.instance.process.cmd.Process.Kill())
	<-s.instance.process.exited
	assert.Positive(t, requireEcho(t, s).InitDuration, "a new process")
}

func TestSCFPortThatSomebodyElseTookIsReplaced(t *testing.T) {
	t.Parallel()
	requireEcho(t, startSCF(t, Function{Name: "port-taken-once", Binary: ownFolder(t)}))
}

// ownFolder is a path to the SCF function in a working directory of its own.
func ownFolder(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "main")
	require.NoError(t, os.Symlink(scfBinary(t), binary))
	return binary
}
