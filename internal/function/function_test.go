package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

func newHandler(api function.API) (*function.Handler, *bytes.Buffer) {
	var log bytes.Buffer
	build := func(map[string]string) function.API { return api }
	return function.New("verify", build, slog.New(slog.NewJSONHandler(&log, nil))), &log
}

func TestEachDoorReachesItsPartOfTheAPI(t *testing.T) {
	h, log := newHandler(function.API{
		Direct: func(_ context.Context, event []byte) []byte { return append([]byte("direct "), event...) },
		HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(201)
			_, _ = w.Write([]byte(r.Method + " " + r.URL.Path))
		}),
		BadRequest: func(w http.ResponseWriter, r *http.Request, err error) {
			w.WriteHeader(400)
			_, _ = w.Write([]byte("bad"))
		},
		Timer: func(context.Context, []byte) []byte { return []byte("timer") },
	})
	for event, want := range map[string]string{
		`{"a":1}`: `direct {"a":1}`,
		`junk`:    `direct junk`,
		`{"httpMethod":"PUT","path":"/x","headers":{}}`:                                 `"statusCode":201`,
		`{"httpMethod":"PUT","path":"/x","headers":7}`:                                  `"statusCode":400`,
		`{"Type":"Timer","TriggerName":"t","Time":"2026-01-01T00:00:00Z","Message":""}`: `timer`,
	} {
		answer, err := h.Invoke(t.Context(), adapter.Invocation{}, []byte(event))
		require.NoError(t, err)
		assert.Contains(t, string(answer), want)
	}
	assert.Equal(t, 5, bytes.Count(log.Bytes(), []byte("\n")), "one line for each invocation")
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte(`"cold":true`)))
}

func TestWorkEndsBeforeThePlatformDoes(t *testing.T) {
	for left, reserve := range map[time.Duration]time.Duration{time.Minute: 500 * time.Millisecond, time.Second: 100 * time.Millisecond} {
		var got time.Time
		h, _ := newHandler(function.API{Direct: func(ctx context.Context, _ []byte) []byte {
			got, _ = ctx.Deadline()
			return nil
		}})
		ctx, cancel := context.WithTimeout(t.Context(), left)
		platform, _ := ctx.Deadline()
		_, err := h.Invoke(ctx, adapter.Invocation{}, nil)
		cancel()
		require.NoError(t, err)
		assert.InDelta(t, reserve, platform.Sub(got), float64(reserve)/5)
	}
}

func TestBugBecomesAFunctionErrorWithoutItsText(t *testing.T) {
	for _, bug := range []any{"s3cr3t", errors.New("s3cr3t"), struct{ secret string }{"s3cr3t"}} {
		h, log := newHandler(function.API{Direct: func(context.Context, []byte) []byte { panic(bug) }})
		answer, err := h.Invoke(t.Context(), adapter.Invocation{RequestID: "id"}, nil)
		assert.Empty(t, answer)
		require.EqualError(t, err, "internal error, the log of the function says more")
		assert.NotContains(t, log.String(), "s3cr3t")
		assert.Contains(t, log.String(), `"level":"ERROR"`)
		assert.Contains(t, log.String(), "function_test.go", "the stack")
	}
	h, log := newHandler(function.API{Direct: func(context.Context, []byte) []byte { return []byte{[]byte("x")[len(os.Args)]} }})
	_, err := h.Invoke(t.Context(), adapter.Invocation{}, nil)
	require.Error(t, err)
	assert.Contains(t, log.String(), "index out of range")
}

func TestCallerAndInvocationReachTheAPI(t *testing.T) {
	h, log := newHandler(function.API{Direct: func(ctx context.Context, _ []byte) []byte {
		assert.Equal(t, openapi.User("oUser"), openapi.CallerFrom(ctx))
		assert.Equal(t, "id", adapter.InvocationFrom(ctx).RequestID)
		journal.From(ctx).Set("more", "told")
		return nil
	}})
	_, err := h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.SCF, RequestID: "id", TraceID: "trace",
		Environment: map[string]string{"WX_OPENID": "oUser", "TCB_SOURCE": "wx_client"}}, nil)
	require.NoError(t, err)
	for _, field := range []string{`"request_id":"id"`, `"trace_id":"trace"`, `"more":"told"`, `"door":"direct"`} {
		assert.Contains(t, log.String(), field)
	}
}

// Where CloudBase tells the process what it does not tell each invocation.
func TestProcessInCloudBaseTrustsNobodyByDefault(t *testing.T) {
	for variable, want := range map[string]bool{"TCB_ENV": false, "WX_APPID": false, "OTHER": true} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "x")
			var got openapi.Caller
			h, _ := newHandler(function.API{Direct: func(ctx context.Context, _ []byte) []byte {
				got = openapi.CallerFrom(ctx)
				return nil
			}})
			_, err := h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.SCF}, nil)
			require.NoError(t, err)
			assert.Equal(t, want, got.IsBackend())
			_, err = h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.Lambda}, nil)
			require.NoError(t, err)
			assert.True(t, got.IsBackend(), "there it is a variable like any other")
			_, err = h.Invoke(t.Context(), adapter.Invocation{Platform: "another"}, nil)
			require.NoError(t, err)
			assert.False(t, got.IsBackend(), "what it proves is not known")
		})
	}
}

func TestUnknownEventIsRefused(t *testing.T) {
	h, log := newHandler(function.API{Refuse: func(_ context.Context, e *openapi.Error) []byte { return []byte(e.Message) }})
	answer, err := h.Invoke(t.Context(), adapter.Invocation{}, []byte(`{"headers":{}}`))
	require.NoError(t, err)
	assert.Contains(t, string(answer), "-501007 invalid parameters. the event has a member headers")
	assert.Contains(t, log.String(), `"door":"unknown"`)
}

func TestVariablesOfTheInvocationWinAndAreReadOnce(t *testing.T) {
	t.Setenv("FUNCTION_TEST", "process")
	t.Setenv("FUNCTION_OTHER", "process")
	var got []map[string]string
	h := function.New("verify", func(environment map[string]string) function.API {
		got = append(got, environment)
		return function.API{Direct: func(context.Context, []byte) []byte { return nil }}
	}, slog.New(slog.DiscardHandler))
	for _, value := range []string{"first", "second"} {
		_, err := h.Invoke(t.Context(), adapter.Invocation{Environment: map[string]string{"FUNCTION_TEST": value}}, nil)
		require.NoError(t, err)
	}
	require.Len(t, got, 1)
	assert.Equal(t, "first", got[0]["FUNCTION_TEST"])
	assert.Equal(t, "process", got[0]["FUNCTION_OTHER"])
}

func TestBearer(t *testing.T) {
	gate := function.Bearer([]secret.Text{secret.New("one"), secret.New("two")})
	for authorization, want := range map[string]int{
		"Bearer one": 0, "Bearer two": 0, "bearer  two": 0,
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer three": 401, "Bearer onetwo": 401, "Basic one": 401, "one": 401,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", authorization)
		_, status, refused := gate(r)
		assert.Equal(t, want, status, authorization)
		assert.Equal(t, want == 0, refused == nil, authorization)
	}
	_, status, refused := function.Bearer(nil)(httptest.NewRequest("POST", "/", nil))
	assert.Equal(t, 403, status)
	assert.Contains(t, refused.Message, "HTTP_BEARER_TOKENS")
	_, _, refused = function.Platform(httptest.NewRequest("POST", "/", nil))
	assert.Nil(t, refused)
}

// What CloudWatch takes as metrics must stand in the line that it points into.
func TestLambdaLineHoldsMetrics(t *testing.T) {
	h, log := newHandler(function.API{Direct: func(ctx context.Context, _ []byte) []byte {
		journal.From(ctx).Set("outcome", "genuine")
		journal.From(ctx).Set("openid", "oABC***1234")
		journal.From(ctx).Count("upstream_attempts", 1)
		return nil
	}})
	_, err := h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.Lambda}, nil)
	require.NoError(t, err)
	var line struct {
		Function string  `json:"function"`
		Outcome  string  `json:"outcome"`
		Total    float64 `json:"total_ms"`
		Attempts int     `json:"upstream_attempts"`
		AWS      struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	require.Len(t, line.AWS.CloudWatchMetrics, 1)
	metrics := line.AWS.CloudWatchMetrics[0]
	assert.Equal(t, "sotercall", metrics.Namespace)
	assert.Equal(t, [][]string{{"function"}, {"function", "outcome"}}, metrics.Dimensions)
	assert.Equal(t, []struct{ Name, Unit string }{{"total_ms", "Milliseconds"}, {"upstream_attempts", "Count"}}, metrics.Metrics)
	assert.Equal(t, "verify", line.Function)
	assert.Equal(t, "genuine", line.Outcome)
	assert.Equal(t, 1, line.Attempts)
	assert.InDelta(t, time.Now().UnixMilli(), line.AWS.Timestamp, 60_000)

	_, err = h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.SCF}, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(log.String(), "_aws"), "on SCF they are fields of the log")
}
