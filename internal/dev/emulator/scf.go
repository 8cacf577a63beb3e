package emulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/tencentyun/scf-go-lib/cloudfunction/messages"
)

const (
	scfNamespace = "default"
	scfRegion    = "ap-guangzhou"
	scfAppID     = "1250000000"
	scfUin       = "100000000001"

	maxSCFAnswer = 6 << 20
)

// SCF is a [Runtime] that stands in for Tencent SCF with the Go1 runtime. Calls run in
// parallel in one process, over one net/rpc connection.
//
// Function.Env reaches the function only inside each call, and not in the environment of
// the process at its start. This is the strictest reading of the platform, so what works
// here works there either way. The library copies the variables of each call into the
// process environment and never removes them.
//
// The binary must start with scfguard.StartHandler, as adapter.Start does: the library
// alone would serve any computer on the network. The process listens on 127.0.0.1, at a
// random port, and serves this SCF only.
type SCF struct {
	function Function
	life     context.Context // ends at Close, with ErrClosed
	end      context.CancelCauseFunc

	starting chan struct{} // full while someone reads instance or replaces it
	instance *instance

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // grows only under mu, while not closed
}

var _ Runtime = (*SCF)(nil)

// StartSCF starts the function and waits until it accepts calls, for 10 s at most. If the
// process fails before, the error has the end of its log. ctx bounds the start only.
func StartSCF(ctx context.Context, f Function) (*SCF, error) {
	f, err := f.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := scfLimits.check(f); err != nil {
		return nil, err
	}
	i, err := startInstance(ctx, f)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancelCause(context.Background())
	return &SCF{function: f, life: life, end: end, starting: make(chan struct{}, 1), instance: i}, nil
}

// Invoke implements [Runtime]. A call that times out ends the process, and with it the
// concurrent calls.
func (s *SCF) Invoke(ctx context.Context, call Call) (Response, error) {
	if ctx.Err() != nil {
		return Response{}, context.Cause(ctx)
	}
	err := checkCaller(call)
	if err == nil && s.function.Env[ticket] != "" && !call.Forged && !hasTicket(call.Environment[callerVariable]) {
		tcbTicket.Refuse() // a variable of the function cannot stand for what an invocation lacks
		err = errTicket
	}
	if err != nil {
		return Response{}, fmt.Errorf("emulator: function %s: %w", s.function.Name, err)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return Response{}, ErrClosed
	}
	s.calls.Add(1)
	s.mu.Unlock()
	return await(ctx, func() (Response, error) {
		defer s.calls.Done()
		return s.serve(call)
	})
}

// Close implements [Runtime].
func (s *SCF) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end(ErrClosed)
	s.calls.Wait()
	s.starting <- struct{}{}
	defer func() { <-s.starting }()
	s.instance.destroy()
	return nil
}

// serve runs one invocation, in a new process if the last one is gone.
func (s *SCF) serve(call Call) (Response, error) {
	if call.RequestID == "" {
		call.RequestID = newRequestID()
	}
	environment, err := s.environment(call)
	if err != nil {
		return Response{}, err
	}
	i, err := s.ready()
	if failed := (*initError)(nil); errors.As(err, &failed) {
		answer := scfInitFailure(call.RequestID, failed.cause)
		answer.LogTail = failed.log
		return answer, nil
	}
	if err != nil {
		return Response{}, err
	}

	logged := i.process.log.position()
	started := time.Now()
	limit, timeRule := s.timeOf(call)
	ctx, cancel := context.WithDeadlineCause(s.life, started.Add(limit), errTimedOut)
	defer cancel()
	var response messages.InvokeResponse
	err = i.call(ctx, "Function.Invoke", s.request(call, environment, started.Add(s.function.Timeout)), &response)
	duration := time.Since(started)

	var answer Response
	switch {
	case err == nil:
		i.process.log.sync()
		answer = scfAnswer(call.RequestID, &response)
	case errors.Is(err, errTimedOut):
		timeRule.Refuse()
		i.destroy()
		answer = scfTimeout(call.RequestID, limit)
	case errors.Is(err, errDisconnected):
		i.destroy()
		answer = scfExit(call.RequestID)
	default:
		return Response{}, err
	}
	answer.Duration = duration
	answer.InitDuration = time.Duration(i.initDuration.Swap(0))
	answer.LogTail = i.process.log.since(logged)
	return answer, nil
}

// environment returns the call's variables, a JSON object of strings.
func (s *SCF) environment(call Call) (string, error) {
	variables := maps.Clone(s.function.Env)
	if variables == nil {
		variables = make(map[string]string)
	}
	delete(variables, ticket) // the platform's own takes its place
	maps.Copy(variables, call.Environment)
	addTicket(variables)
	object, err := json.Marshal(variables, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("emulator: function %s: environment: %w", s.function.Name, err)
	}
	return string(object), nil
}

func (s *SCF) request(call Call, environment string, deadline time.Time) *messages.InvokeRequest {
	return &messages.InvokeRequest{
		Payload:               call.Payload,
		RequestId:             call.RequestID,
		TraceId:               call.TraceID,
		Deadline:              messages.InvokeRequest_Timestamp{Seconds: deadline.Unix(), Nanos: int64(deadline.Nanosecond())},
		InvokedFunctionUnique: scfNamespace + "/" + s.function.Name + "/" + latestVersion,
		ClientContext:         call.ClientContext,
		Namespace:             scfNamespace,
		FunctionName:          s.function.Name,
		FunctionVersion:       latestVersion,
		MemoryLimitInMb:       int32(s.function.MemoryMB),
		TimeLimitInMs:         int32(s.function.Timeout.Milliseconds()),
		Environment:           environment,
		TencentcloudRegion:    scfRegion,
		TencentcloudAppID:     scfAppID,
		TencentcloudUin:       scfUin,
	}
}

// ready returns a running instance. One caller starts it, the others wait.
func (s *SCF) ready() (*instance, error) {
	select {
	case s.starting <- struct{}{}:
	case <-s.life.Done():
		return nil, ErrClosed
	}
	defer func() { <-s.starting }()
	if !s.instance.process.gone() {
		return s.instance, nil
	}
	s.instance.destroy()
	i, err := startInstance(s.life, s.function)
	if err != nil {
		return nil, err
	}
	s.instance = i
	return i, nil
}
