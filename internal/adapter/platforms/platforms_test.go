package platforms

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentyun/scf-go-lib/functioncontext"

	"sotercall/internal/adapter"
)

// seen is a Function that remembers what it was given.
type seen struct {
	invocation adapter.Invocation
	event      string
	deadline   time.Time
	left       time.Duration
	err        error
	notices    []string
}

func (s *seen) Invoke(ctx context.Context, i adapter.Invocation, event []byte) ([]byte, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, assert.AnError
	}
	s.invocation, s.event, s.deadline, s.left, s.err = i, string(event), deadline, time.Until(deadline), ctx.Err()
	return []byte("answer"), nil
}

func (s *seen) Serve(context.Context, adapter.Invocation, http.ResponseWriter, *http.Request) {}

func (s *seen) Configured() error { return nil }

func (s *seen) Prepare() <-chan struct{} { return nil }

func (s *seen) LogDropped() int { return 0 }

func (s *seen) Notices() []string { return s.notices }

func (s *seen) Accompany() (stop func(), err error) { return func() {}, nil }

func TestLambda(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "id-1"})
	//lint:ignore SA1029 it is the library's own key
	ctx = context.WithValue(ctx, "x-amzn-trace-id", "Root=1")
	s := new(seen)
	answer, err := onLambda{s}.Invoke(ctx, []byte("event"))
	require.NoError(t, err)
	assert.Equal(t, "answer", string(answer))
	assert.Equal(t, adapter.Invocation{Platform: adapter.Lambda, Authorized: true, RequestID: "id-1", TraceID: "Root=1"}, s.invocation)
	assert.Equal(t, "event", s.event)
}

func TestSCF(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	environment := map[string]string{"WX_OPENID": "oUser"}
	ctx = functioncontext.NewContext(ctx, &functioncontext.FunctionContext{
		RequestID: "id-2", FunctionTrace: "trace", Environment: environment, TimeLimitInMs: 1000})
	s := new(seen)
	_, err := newSCF(s).Invoke(ctx, []byte("event"))
	require.NoError(t, err)
	assert.Equal(t, adapter.Invocation{Platform: adapter.SCF, Authorized: true, RequestID: "id-2", TraceID: "trace", Environment: environment}, s.invocation)
	assert.InDelta(t, time.Minute, s.left, float64(10*time.Second), "the deadline counts, not the limit")
}

// What is left for answering is a tenth of the time, at most half a second.
func TestWorkEndsBeforeThePlatformDoes(t *testing.T) {
	for left, reserved := range map[time.Duration]time.Duration{time.Minute: 500 * time.Millisecond, time.Second: 100 * time.Millisecond} {
		assert.Equal(t, reserved, adapter.Reserve(left))
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		platforms, _ := ctx.Deadline()
		for name, invoke := range map[string]func(s *seen) ([]byte, error){
			"lambda": func(s *seen) ([]byte, error) { return onLambda{s}.Invoke(ctx, nil) },
			"scf":    func(s *seen) ([]byte, error) { return newSCF(s).Invoke(ctx, nil) },
		} {
			s := new(seen)
			_, err := invoke(s)
			require.NoError(t, err)
			assert.InDelta(t, reserved, platforms.Sub(s.deadline), float64(reserved)/5, name)
		}
		url, _ := start(t, &serving{serve: func(ctx context.Context, _ adapter.Invocation, _ http.ResponseWriter, _ *http.Request) {
			deadline, _ := ctx.Deadline()
			assert.Less(t, time.Until(deadline), left-reserved+time.Millisecond, "http")
		}}, left, 0)
		get(t, http.DefaultClient, url, "")
	}
}

// Where CloudBase tells the process what it does not tell each invocation.
func TestProcessInCloudBase(t *testing.T) {
	for variable, want := range map[string]bool{"TCB_ENV": true, "WX_APPID": true, "OTHER": false} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "x")
			f := newSCF(new(seen))
			t.Setenv("TCB_ENV", "what the library copies later says nothing")
			assert.Equal(t, want, f.cloudBase)
		})
	}
}

// scf-go-lib turns a request without a deadline into a context that ended in 1970.
func TestSCFWithoutADeadlineHasTheLimit(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for limit, want := range map[int32]time.Duration{60_000: time.Minute, 0: timeLimit} {
		s := new(seen)
		_, err := newSCF(s).Invoke(functioncontext.NewContext(ctx, &functioncontext.FunctionContext{TimeLimitInMs: limit}), nil)
		require.NoError(t, err)
		require.NoError(t, s.err)
		assert.InDelta(t, want, s.left, float64(2*time.Second))
	}
}

// WeChat, developers.weixin.qq.com/doc/oplatform/openApi/cloudbase-common/scf-management/api_invokecloudfunction: a
// function that invokeCloudFunction calls has 5 s, and the function's own limit may be longer.
func TestSCFAnswersInvokeCloudFunctionWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for source, want := range map[string]time.Duration{
			"wx_http": 4500 * time.Millisecond, "wx_http,scf": 59500 * time.Millisecond, "wx_client": 59500 * time.Millisecond,
		} {
			s := new(seen)
			_, err := newSCF(s).Invoke(functioncontext.NewContext(ctx, &functioncontext.FunctionContext{Environment: map[string]string{"TCB_SOURCE": source}}), nil)
			require.NoError(t, err)
			assert.Equal(t, want, s.left, source)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := new(seen)
		_, err := newSCF(s).Invoke(functioncontext.NewContext(short, &functioncontext.FunctionContext{Environment: map[string]string{"TCB_SOURCE": "wx_http"}}), nil)
		require.NoError(t, err)
		assert.Equal(t, 900*time.Millisecond, s.left, "a shorter limit stays")
	})
}

// On Lambda what the first call needs is awaited, for a second; behind a port it is
// not; on SCF, where the variables come with an invocation, there is nothing to prepare.
func TestPreparationIsAwaitedForASecond(t *testing.T) {
	limits := map[adapter.Platform]time.Duration{}
	for _, kind := range Platforms {
		limits[kind.Name] = kind.preparation
	}
	for platform, limit := range map[adapter.Platform]time.Duration{adapter.Lambda: time.Second, adapter.SCF: 0, adapter.HTTP: 0} {
		require.Contains(t, limits, platform)
		assert.Equal(t, limit, limits[platform], platform)
	}
	synctest.Test(t, func(t *testing.T) {
		for takes, waited := range map[time.Duration]time.Duration{
			300 * time.Millisecond: 300 * time.Millisecond, time.Hour: time.Second,
		} {
			done := make(chan struct{})
			timer := time.AfterFunc(takes, func() { close(done) })
			begin := time.Now()
			await(done, initPreparation)
			assert.Equal(t, waited, time.Since(begin))
			timer.Stop()
		}
		begin := time.Now()
		await(nil, 0)
		assert.Zero(t, time.Since(begin))
	})
}

func TestStartedByHand(t *testing.T) {
	for _, kind := range Platforms {
		t.Setenv(kind.Variable, "")
	}
	var said bytes.Buffer
	assert.Equal(t, NotHosted, Start(new(seen), &said))
	assert.Contains(t, said.String(), "go run ./scripts/local demo")
}

func TestInvocationTravelsInTheContext(t *testing.T) {
	i := adapter.Invocation{Platform: adapter.SCF, RequestID: "id"}
	assert.Equal(t, i, adapter.InvocationFrom(adapter.WithInvocation(t.Context(), i)))
	assert.Zero(t, adapter.InvocationFrom(t.Context()))
}
