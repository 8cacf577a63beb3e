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

type lambdaContext struct {
	RequestID string
	ARN       string
	Custom    map[string]string
	TraceID   string
	Deadline  time.Time
	Environ   []string
	PID       int
	Dir       string
}

func TestLambdaPayloadIsHandedOverByteForByte(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	for _, payload := range []string{"{ \"a\" : \"<&>\\u0000\" }\n", `"text"`, "null", "not JSON \xff\x00"} {
		answer, err := l.Invoke(t.Context(), Call{Payload: []byte(payload), RequestID: "r-1"})
		require.NoError(t, err)
		assert.Equal(t, payload, string(answer.Payload))
		assert.Empty(t, answer.FunctionError)
		assert.Equal(t, "r-1", answer.RequestID)
	}
}

func TestLambdaContextReachesTheFunction(t *testing.T) {
	t.Parallel()
	const timeout = 40 * time.Second
	l := startLambda(t, Function{Name: "verify", Timeout: timeout, MemoryMB: 256})

	before := time.Now()
	answer, err := l.Invoke(t.Context(), Call{
		Payload:       event(t, "context", ""),
		RequestID:     "8f507cfc-xmpl-4697-b07a-ac58fc914c95",
		TraceID:       "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c",
		ClientContext: []byte(`{"custom":{"k":"v"}}`),
	})
	after := time.Now()
	require.NoError(t, err)

	var got lambdaContext
	require.NoError(t, json.Unmarshal(answer.Payload, &got))
	assert.Equal(t, "8f507cfc-xmpl-4697-b07a-ac58fc914c95", got.RequestID)
	assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:verify", got.ARN)
	assert.Equal(t, "Root=1-5e9f0c65-1de4d666d4dd26aced652b6c", got.TraceID)
	assert.Equal(t, map[string]string{"k": "v"}, got.Custom)
	assert.WithinRange(t, got.Deadline, before.Add(timeout-time.Millisecond), after.Add(timeout))
	assert.Equal(t, filepath.Dir(lambdaBinary(t)), got.Dir)
}

func TestLambdaProcessEnvironmentIsThePlatformsAndTheFunctions(t *testing.T) {
	t.Setenv("SECRET_OF_THE_HOST", "must not leak")
	l := startLambda(t, Function{Name: "verify", MemoryMB: 256, Env: map[string]string{"WECHAT_APPID": "wx1", "PATH": "/mine"}})
	var got lambdaContext
	require.NoError(t, json.Unmarshal(do(t, l, "context", "").Payload, &got))

	environ := make(map[string]string)
	for _, variable := range got.Environ {
		name, value, _ := strings.Cut(variable, "=")
		environ[name] = value
	}
	assert.Regexp(t, `^127\.0\.0\.1:\d+$`, environ["AWS_LAMBDA_RUNTIME_API"])
	assert.NotEmpty(t, environ["_X_AMZN_TRACE_ID"], "set by aws-lambda-go from the generated header")
	for name, want := range map[string]string{
		"WECHAT_APPID":                    "wx1",
		"PATH":                            "/mine",
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
		"AWS_REGION":                      "us-east-1",
		"AWS_LAMBDA_FUNCTION_NAME":        "verify",
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"LAMBDA_TASK_ROOT":                filepath.Dir(lambdaBinary(t)),
	} {
		assert.Equal(t, want, environ[name], name)
	}
	assert.NotContains(t, environ, "SECRET_OF_THE_HOST")
	assert.NotContains(t, environ, "_LAMBDA_SERVER_PORT")
}

func TestLambdaHandlerErrorKeepsTheProcess(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	answer := do(t, l, "error", "no such user")
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.JSONEq(t, `{"errorMessage":"no such user","errorType":"errorString"}`, string(answer.Payload))
	assert.Positive(t, answer.InitDuration, "the first call on this process")

	assert.Zero(t, requireEcho(t, l).InitDuration, "the same process")
}

func TestLambdaPanicIsReportedAndEndsTheProcess(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	requireEcho(t, l)
	answer := do(t, l, "panic", "oh no")
	assert.Equal(t, "Unhandled", answer.FunctionError)
	var document struct {
		ErrorMessage, ErrorType string
		StackTrace              []struct{ Path string }
	}
	require.NoError(t, json.Unmarshal(answer.Payload, &document))
	assert.Equal(t, "oh no", document.ErrorMessage)
	assert.Equal(t, "string", document.ErrorType)
	assert.NotEmpty(t, document.StackTrace)

	assert.Positive(t, requireEcho(t, l).InitDuration, "a new process")
}

func TestLambdaExitIsAnErrorAndTheNextCallStartsAgain(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	for what, reason := range map[string]string{
		"exit":         "Runtime exited with error: exit status 3",
		"exit quietly": "Runtime exited without providing a reason",
		// Not complete: the process has to ask for the next invocation first.
		"answer and exit": "Runtime exited without providing a reason",
	} {
		answer, err := l.Invoke(t.Context(), Call{Payload: event(t, what, ""), RequestID: "r-9"})
		require.NoError(t, err)
		assert.Equal(t, "Unhandled", answer.FunctionError, what)
		assert.JSONEq(t, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-9 Error: `+reason+`"}`, string(answer.Payload), what)
		requireEcho(t, l)
	}
}

func TestLambdaTimeoutKillsTheProcess(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{Timeout: time.Second})
	var warm lambdaContext
	require.NoError(t, json.Unmarshal(do(t, l, "context", "").Payload, &warm))

	answer, err := l.Invoke(t.Context(), Call{Payload: event(t, "hang", ""), RequestID: "r-2"})
	require.NoError(t, err)
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.JSONEq(t, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-2 Error: Task timed out after 1.00 seconds"}`, string(answer.Payload))
	assert.Regexp(t, `\nREPORT RequestId: r-2\tDuration: \d+\.\d\d ms\t(?s:.*)\n\d{4}-\d\d-\d\dT[\d:.]+Z r-2 Task timed out after 1\.00 seconds\n\n$`, string(answer.LogTail))
	assert.GreaterOrEqual(t, answer.Duration, 900*time.Millisecond)
	assert.False(t, processExists(warm.PID))

	var fresh lambdaContext
	require.NoError(t, json.Unmarshal(do(t, l, "context", "").Payload, &fresh))
	assert.NotEqual(t, warm.PID, fresh.PID)
}

func TestLambdaAnswerLargerThanTheLimitIsAFunctionError(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	answer := do(t, l, "large", "")
	assert.Equal(t, "Unhandled", answer.FunctionError)
	assert.Contains(t, string(answer.Payload), `"errorType":"Function.ResponseSizeTooLarge"`)
	requireEcho(t, l)
}

func TestLambdaInitFailureIsAnErrorWithTheLog(t *testing.T) {
	t.Parallel()
	for init, want := range map[string]string{
		"fail":   "cannot work like this",
		"report": "no table",
	} {
		_, err := StartLambda(t.Context(), Function{Name: "verify", Binary: lambdaBinary(t), Env: map[string]string{"INIT": init}})
		require.ErrorContains(t, err, "function verify: init: process ended: exit status 1", init)
		require.ErrorContains(t, err, want, init)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := StartLambda(ctx, Function{Name: "verify", Binary: lambdaBinary(t), Env: map[string]string{"INIT": "hang"}})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestLambdaInitAfterAFailureCountsAsTheInvocation(t *testing.T) {
	t.Parallel()
	for second, want := range map[string]string{"exit": "Runtime.ExitError", "hang": "Sandbox.Timedout"} {
		once := filepath.Join(t.TempDir(), "once")
		limit := time.Minute
		if second == "hang" { // ends by the limit, and another start must fit into it
			limit = 4 * time.Second
		}
		l := startLambda(t, Function{Timeout: limit, Env: map[string]string{"ONCE": once, "SECOND": second}})
		do(t, l, "exit", "")

		answer := do(t, l, "echo", "")
		assert.Equal(t, "Unhandled", answer.FunctionError, second)
		assert.Contains(t, string(answer.Payload), want, second)
		assert.Contains(t, string(answer.LogTail), "file exists", "the log of the failed init")

		require.NoError(t, os.Remove(once))
		requireEcho(t, l)
	}
}

func TestLambdaRefusesWhatLambdaHasNot(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	_, err := l.Invoke(t.Context(), Call{Payload: []byte("{}"), Environment: map[string]string{"WX_OPENID": "o1"}})
	require.ErrorContains(t, err, "no per-invocation environment")
	requireEcho(t, l)

	_, err = StartLambda(t.Context(), Function{Name: "verify", Binary: lambdaBinary(t), Env: map[string]string{"AWS_REGION": "x"}})
	require.ErrorContains(t, err, "AWS_REGION is reserved")
}

func TestLambdaLogTailIsThisCallsLog(t *testing.T) {
	t.Parallel()
	var log logBuffer
	l := startLambda(t, Function{Log: &log})
	for range 20 { // each line may still be in the pipe when the answer arrives
		for _, text := range []string{"first\nsecond\n", "third\n"} {
			answer := do(t, l, "log", text)
			before, after, ok := strings.Cut(string(answer.LogTail), text)
			require.True(t, ok, "%s", answer.LogTail)
			assert.Equal(t, "START RequestId: "+answer.RequestID+" Version: $LATEST\n", before)
			assert.Regexp(t, `^END RequestId: `+answer.RequestID+`\nREPORT RequestId: `+answer.RequestID+
				`\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t(Init Duration: \d+\.\d\d ms\t)?\n$`, after)
			assert.Equal(t, answer.InitDuration > 0, strings.Contains(after, "Init Duration"))
		}
	}
	assert.Equal(t, strings.Repeat("first\nsecond\nthird\n", 20), log.String())

	tail := do(t, l, "log", strings.Repeat("0123456789abcde\n", 1000)).LogTail
	assert.Len(t, tail, 4<<10)
	assert.Contains(t, string(tail), strings.Repeat("0123456789abcde\n", 200)+"END RequestId: ")
}

func TestLambdaCallsWaitForTheirTurnAndLeaveWithTheirContext(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	busy := make(chan error, 1)
	go func() {
		_, err := l.Invoke(context.Background(), Call{Payload: []byte(`{"Do":"hang"}`)})
		busy <- err
	}()
	require.Eventually(t, func() bool { return len(l.turn) == 1 }, time.Minute, time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := l.Invoke(ctx, Call{Payload: []byte("{}")})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	waiting := make(chan error, 1)
	go func() {
		_, err := l.Invoke(context.Background(), Call{Payload: []byte("{}")})
		waiting <- err
	}()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-busy, ErrClosed)
	require.ErrorIs(t, <-waiting, ErrClosed)
}

func TestLambdaFinishesACallWhoseCallerLeft(t *testing.T) {
	t.Parallel()
	var log logBuffer
	l := startLambda(t, Function{Timeout: time.Second, Log: &log})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := l.Invoke(ctx, Call{Payload: event(t, "hang", "")})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Len(t, l.turn, 1, "the process is still busy with it")
	require.Eventually(t, func() bool { return len(l.turn) == 0 }, time.Minute, 5*time.Millisecond)
}

func TestLambdaCloseEndsTheProcessOnce(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	var got lambdaContext
	require.NoError(t, json.Unmarshal(do(t, l, "context", "").Payload, &got))
	require.True(t, processExists(got.PID))

	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	assert.False(t, processExists(got.PID))
	_, err := l.Invoke(t.Context(), Call{Payload: []byte("{}")})
	require.ErrorIs(t, err, ErrClosed)
}

func TestLambdaProcessThatDiedBetweenCallsIsReplaced(t *testing.T) {
	t.Parallel()
	l := startLambda(t, Function{})
	requireEcho(t, l)
	require.NoError(t, l.environment.process.cmd.Process.Kill())
	<-l.environment.process.exited
	assert.Positive(t, requireEcho(t, l).InitDuration, "a new process")
}
