package hosted

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/test/need"
)

// riePackage is AWS's own emulator of Lambda's runtime API, which runs in SAM's containers.
const riePackage = "github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie"

// lambdaVariable names a variable. If it is "rie", [Both] hosts functions on AWS's emulator
// instead of ours. scripts/test -long sets it for a second run.
const lambdaVariable = "SOTER_TEST_LAMBDA"

// rie is a Runtime on AWS's Runtime Interface Emulator.
type rie struct {
	command *exec.Cmd
	address string
	turn    chan struct{} // full while an invocation runs: two at a time crash the emulator
}

// RIE hosts a function on AWS's Runtime Interface Emulator until the test ends. The
// process starts with the first invocation. The timeout is rounded up to seconds.
func RIE(t testing.TB, function string, variables map[string]string, timeout time.Duration, log io.Writer) emulator.Runtime {
	t.Helper()
	program := need.GoTool(t, riePackage)
	address, api := fmt.Sprintf("127.0.0.1:%d", need.Port(t)), fmt.Sprintf("127.0.0.1:%d", need.Port(t))
	r := &rie{address: address, turn: make(chan struct{}, 1)}
	r.command = exec.Command(program, "--runtime-interface-emulator-address", address, "--runtime-api-address", api,
		"--log-level", "info", Binary(function)) // otherwise it reads the function's LOG_LEVEL
	r.command.Dir = filepath.Dir(Binary(function))
	r.command.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=en_US.UTF-8", "TZ=:UTC", "_HANDLER=bootstrap",
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=ASIAOFTHETEST", "AWS_SECRET_ACCESS_KEY=opens-nothing", "AWS_SESSION_TOKEN=opens-nothing-either",
		"AWS_LAMBDA_FUNCTION_NAME=" + function, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_TIMEOUT=%.0f", math.Ceil(timeout.Seconds())),
	}
	for name, value := range definition(function, forLambda(variables), timeout, log).Env {
		r.command.Env = append(r.command.Env, name+"="+value)
	}
	r.command.Stdout, r.command.Stderr = log, log
	require.NoError(t, r.command.Start())
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	// polls: another process has nothing to wait on
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return r
		}
		require.True(t, time.Now().Before(deadline), "%v\n%s", err, log)
	}
}

// OnRIE reports whether [Both] hosts functions on AWS's emulator. Unlike Lambda, it passes
// no trace ID on to them.
func OnRIE() bool { return os.Getenv(lambdaVariable) == "rie" }

// SkipOnRIE skips a test that AWS's emulator cannot serve, for the reason why.
func SkipOnRIE(t testing.TB, why string) {
	t.Helper()
	if OnRIE() {
		t.Skip("AWS's emulator " + why)
	}
}

// Invoke implements [emulator.Runtime]. The emulator marks no failure: a response with
// Lambda's errorMessage and errorType is one, and so is one that is not JSON.
func (r *rie) Invoke(ctx context.Context, call emulator.Call) (emulator.Response, error) {
	if len(call.Environment) > 0 {
		return emulator.Response{}, errors.New("Lambda has no per-invocation environment")
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return emulator.Response{}, context.Cause(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.address+"/2015-03-31/functions/function/invocations", bytes.NewReader(call.Payload))
	if err != nil {
		return emulator.Response{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return emulator.Response{}, err
	}
	defer resp.Body.Close()
	payload, err := io.ReadAll(resp.Body)
	answer := emulator.Response{Payload: payload}
	var failure struct {
		Message *string `json:"errorMessage"`
		Type    *string `json:"errorType"`
	}
	if strings.HasPrefix(string(payload), "Task timed out") ||
		json.Unmarshal(payload, &failure) == nil && failure.Message != nil && failure.Type != nil {
		answer.FunctionError = "Unhandled"
	}
	return answer, err
}

// Close implements [emulator.Runtime]. The emulator ends the function's process.
func (r *rie) Close() error {
	if r.command.ProcessState != nil {
		return nil
	}
	if err := r.command.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := r.command.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) { // ended by our signal
		return nil
	}
	return err
}
