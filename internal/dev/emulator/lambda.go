package emulator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const (
	awsRegion  = "us-east-1"
	awsAccount = "123456789012"
)

// Lambda is a [Runtime] that stands in for AWS Lambda with an OS-only runtime
// (provided.al2023). It runs one process and gives it one invocation at a time; further
// calls wait for their turn.
type Lambda struct {
	function    Function
	life        context.Context // ends at Close, with ErrClosed
	end         context.CancelCauseFunc
	closing     sync.Once
	turn        chan struct{} // full while an invocation or Close uses the environment
	environment *environment  // nil after a failure: the next invocation starts a new one
}

var _ Runtime = (*Lambda)(nil)

// environment is an execution environment: a process and its Runtime API.
type environment struct {
	process      *process
	api          *runtimeAPI
	initDuration time.Duration // not yet reported to a caller
}

// StartLambda starts the function and waits until it asks for its first invocation. It
// waits 10 s at most, the limit of Lambda's INIT phase. If the process fails before, the
// error has the end of its log. ctx bounds the start only.
func StartLambda(ctx context.Context, f Function) (*Lambda, error) {
	f, err := f.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := lambdaLimits.check(f); err != nil {
		return nil, err
	}
	s, err := newEnvironment(f)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, initLimit, errNotReady)
	defer cancel()
	if err := s.initialise(ctx); err != nil {
		s.destroy()
		return nil, &initError{f.Name, err, s.process.log.since(0)}
	}
	life, end := context.WithCancelCause(context.Background())
	return &Lambda{function: f, life: life, end: end, turn: make(chan struct{}, 1), environment: s}, nil
}

// Invoke implements [Runtime]. An invocation is complete when the process asks for the next
// one. A process that responds and then ends without asking has failed the invocation,
// unless its response was an error already.
func (l *Lambda) Invoke(ctx context.Context, call Call) (Response, error) {
	if len(call.Environment) > 0 {
		lambdaCallVariables.Refuse()
		return Response{}, errors.New("emulator: Lambda has no per-invocation environment")
	}
	if err := checkEventSize(call.Payload, maxSyncPayload, lambdaEvent); err != nil {
		return Response{}, err
	}
	if err := ctx.Err(); err != nil {
		return Response{}, context.Cause(ctx)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return Response{}, context.Cause(ctx)
	case <-l.life.Done():
		return Response{}, ErrClosed
	}
	return await(ctx, func() (Response, error) {
		defer func() { <-l.turn }()
		return l.serve(call)
	})
}

// Close implements [Runtime].
func (l *Lambda) Close() error {
	l.closing.Do(func() {
		l.end(ErrClosed)
		l.turn <- struct{}{} // forever
		if l.environment != nil {
			l.environment.destroy()
		}
	})
	return nil
}

// serve runs one invocation in the environment. The caller has the turn.
func (l *Lambda) serve(call Call) (Response, error) {
	deadline := time.Now().Add(l.function.Timeout)
	ctx, cancel := context.WithDeadlineCause(l.life, deadline, errTimedOut)
	defer cancel()
	if ctx.Err() != nil {
		return Response{}, context.Cause(ctx)
	}
	invocation := l.newInvocation(call, deadline)

	var logged int64
	if l.environment != nil && !l.environment.process.gone() {
		logged = l.environment.process.log.position()
	} else {
		if err := l.renew(); err != nil {
			return Response{}, err
		}
		// This is no longer the INIT phase: it is part of the invocation, and bounded by
		// its timeout.
		if err := l.environment.initialise(ctx); err != nil {
			return l.fail(invocation, err, time.Now(), logged)
		}
	}

	s := l.environment
	started := time.Now()
	select {
	case s.api.offers <- invocation:
	case <-s.process.exited:
	case <-ctx.Done():
	}
	if err := s.wait(ctx, invocation.completed); err != nil {
		return l.fail(invocation, err, started, logged)
	}
	answer := Response{RequestID: invocation.requestID, Duration: time.Since(started), InitDuration: s.initDuration}
	s.initDuration = 0
	s.process.log.sync()
	answer.LogTail = l.logTail(answer, s.process.log.since(logged), nil)
	payload, _, failed := s.api.outcome(invocation)
	answer.Payload = payload
	if failed {
		answer.FunctionError = functionErrorUnhandled
	}
	return answer, nil
}

// renew replaces an environment that is gone.
func (l *Lambda) renew() error {
	if l.environment != nil {
		l.environment.destroy()
	}
	s, err := newEnvironment(l.function)
	l.environment = s
	return err
}

// fail ends the environment and returns Lambda's error for the invocation.
func (l *Lambda) fail(invocation *lambdaInvocation, cause error, started time.Time, logged int64) (Response, error) {
	s := l.environment
	l.environment = nil
	answer := Response{
		RequestID:     invocation.requestID,
		FunctionError: functionErrorUnhandled,
		Duration:      time.Since(started),
		InitDuration:  s.initDuration,
	}
	s.destroy()
	answer.LogTail = l.logTail(answer, s.process.log.since(logged), cause)

	var exit *exitError
	switch {
	case errors.Is(cause, errTimedOut):
		lambdaTime.Refuse()
		answer.Payload = lambdaError("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds",
			invocation.requestID, l.function.Timeout.Seconds()))
	case errors.As(cause, &exit):
		answer.Payload = s.lastWords(invocation, exit)
	default:
		return Response{}, cause
	}
	return answer, nil
}

// lastWords returns the error that a process reported before it ended, or Lambda's text for
// its end. A Go function that panics reports the panic and then exits.
func (s *environment) lastWords(invocation *lambdaInvocation, exit *exitError) []byte {
	if document := s.api.reportedInitError(); document != nil {
		return document
	}
	if document, _, failed := s.api.outcome(invocation); failed {
		return document
	}
	reason := "Runtime exited with error: " + exit.status
	if exit.status == "exit status 0" {
		reason = "Runtime exited without providing a reason"
	}
	return lambdaError("Runtime.ExitError", fmt.Sprintf("RequestId: %s Error: %s", invocation.requestID, reason))
}

func (l *Lambda) newInvocation(call Call, deadline time.Time) *lambdaInvocation {
	i := &lambdaInvocation{
		requestID:     call.RequestID,
		payload:       call.Payload,
		deadline:      deadline,
		functionARN:   functionARN(l.function.Name),
		traceID:       call.TraceID,
		clientContext: call.ClientContext,
		completed:     make(chan struct{}),
	}
	if i.requestID == "" {
		i.requestID = newRequestID()
	}
	if i.traceID == "" {
		i.traceID = newTraceID(time.Now()) + ";Sampled=0"
	}
	return i
}

func newEnvironment(f Function) (*environment, error) {
	api, err := startRuntimeAPI()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(f, lambdaEnviron(f, api.address()))
	if err != nil {
		api.close()
		return nil, err
	}
	return &environment{process: p, api: api}, nil
}

// initialise waits for the first request for an invocation.
func (s *environment) initialise(ctx context.Context) error {
	if err := s.wait(ctx, s.api.ready); err != nil {
		if errors.Is(err, errNotReady) {
			lambdaInit.Refuse()
		}
		if document := s.api.reportedInitError(); document != nil {
			return fmt.Errorf("%w: %s", err, document)
		}
		return err
	}
	s.initDuration = time.Since(s.process.started)
	return nil
}

// wait returns nil once done is closed. If the process or ctx ends first, it returns that
// as an error.
func (s *environment) wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.process.exited:
	}
	select {
	case <-done: // closed just before the end
		return nil
	default:
		return &exitError{s.process.status()}
	}
}

func (s *environment) destroy() {
	s.process.kill()
	s.api.close()
}

// lambdaEnviron returns the process environment that Lambda gives to an OS-only runtime. It
// has invalid credentials of the function's role, and then the function's own variables.
// AWS_EXECUTION_ENV is not defined for these runtimes.
func lambdaEnviron(f Function, runtimeAPI string) []string {
	environ := []string{
		"PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
		"_HANDLER=bootstrap",
		"AWS_REGION=" + awsRegion,
		"AWS_DEFAULT_REGION=" + awsRegion,
		"AWS_ACCESS_KEY_ID=ASIAEMULATOROPENSNO",
		"AWS_SECRET_ACCESS_KEY=emulator-secret-access-key-opens-nothing",
		"AWS_SESSION_TOKEN=emulator-session-token-opens-nothing",
		"AWS_LAMBDA_RUNTIME_API=" + runtimeAPI,
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=" + latestVersion,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME=emulator",
		"LAMBDA_TASK_ROOT=" + filepath.Dir(f.Binary),
		"LAMBDA_RUNTIME_DIR=/var/runtime",
	}
	for name, value := range f.Env {
		environ = append(environ, name+"="+value)
	}
	// os/exec uses the later of two settings of one name: PATH and LANG may be configured
	return environ
}

func functionARN(name string) string {
	return "arn:aws:lambda:" + awsRegion + ":" + awsAccount + ":function:" + name
}

// newTraceID returns a root for the X-Amzn-Trace-Id header.
func newTraceID(now time.Time) string {
	var b [12]byte
	rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%s", now.Unix(), hex.EncodeToString(b[:]))
}
