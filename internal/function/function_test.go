package function_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
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

func newHandler(calls ...openapi.Call) (*function.Host, *bytes.Buffer) {
	var log bytes.Buffer
	return function.New("verify", builds(calls, nil), &log), &log
}

func builds(calls []openapi.Call, err error) function.Builder {
	return func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error) {
		return function.Function{Calls: calls}, err
	}
}

// doing is a call that answers direct events by what do returns.
func doing(do func(ctx context.Context, event []byte) []byte) openapi.Call {
	return openapi.Call{Name: "test.call", Direct: true, Serve: func(r *http.Request) openapi.Result {
		event, _ := openapi.ReadBody(r)
		return openapi.Result{Body: do(r.Context(), event), Outcome: "ok"}
	}}
}

// saying is a call of every door that says its name.
func saying(name string) openapi.Call {
	return openapi.Call{
		Name: name, Direct: true, Path: "/" + name, Gate: function.Platform,
		Serve: func(r *http.Request) openapi.Result {
			if r.Method != http.MethodPost {
				return openapi.Result{Body: []byte(name + " over HTTP by " + r.Method)}
			}
			event, _ := openapi.ReadBody(r)
			return openapi.Result{Body: []byte(name + " for " + string(event))}
		},
	}
}

func TestEachEventReachesItsCall(t *testing.T) {
	second := saying("second")
	second.Timer = func(context.Context) openapi.Result { return openapi.Result{Body: []byte("timer")} }
	unnamed := saying("not.direct")
	unnamed.Direct = false
	h, log := newHandler(saying("first"), second, unnamed)
	events := map[string]string{
		`{"a":1}`:                 `first for {"a":1}`,
		`{"call":"second"}`:       `second for {"call":"second"}`,
		`{"call":"other"}`:        `first for {"call":"other"}`,
		`{"call":"not.direct"}`:   `first for`,
		`{"call":7}`:              `first for`,
		`{"a":{"call":"second"}}`: `first for`,
		`{"httpMethod":"PUT","path":"/second","headers":{}}`:                            `"body":"second over HTTP by PUT"`,
		`{"httpMethod":"PUT","path":"/third","headers":{}}`:                             `"statusCode":404`,
		`{"httpMethod":"PUT","path":"/first","headers":7}`:                              `"statusCode":400`,
		`{"Type":"Timer","TriggerName":"t","Time":"2026-01-01T00:00:00Z","Message":""}`: `timer`,
	}
	for event, want := range events {
		answer, err := h.Invoke(t.Context(), adapter.Invocation{Authorized: true}, []byte(event))
		require.NoError(t, err)
		assert.Contains(t, string(answer), want)
	}
	assert.Equal(t, len(events), bytes.Count(log.Bytes(), []byte("\n")), "one line for each invocation")
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte(`"cold":true`)))
}

func TestTimerWithNothingToDo(t *testing.T) {
	h, _ := newHandler(saying("first"))
	answer, err := h.Invoke(t.Context(), adapter.Invocation{Authorized: true}, []byte(`{"Type":"Timer","TriggerName":"t","Time":"2026-01-01T00:00:00Z","Message":""}`))
	require.NoError(t, err)
	assert.JSONEq(t, `{"errCode":-501007,"errMsg":"first:fail -501007 invalid parameters. timer events carry no request, so there is nothing to answer"}`, string(answer))
}

// Whatever is asked of a function that cannot work, it says why, and no call runs.
func TestNotConfigured(t *testing.T) {
	first := saying("first")
	first.Timer = func(context.Context) openapi.Result { panic("it runs") }
	first.Serve = func(*http.Request) openapi.Result { panic("it runs") }
	var log bytes.Buffer
	h := function.New("verify", builds([]openapi.Call{first}, errors.New("WECHAT_APPID is not set")), &log)
	require.EqualError(t, h.Configured(), "WECHAT_APPID is not set")
	for _, event := range []string{
		`{}`, `junk`,
		`{"httpMethod":"POST","path":"/first","headers":{}}`,
		`{"Type":"Timer","TriggerName":"t","Time":"2026-01-01T00:00:00Z","Message":""}`,
	} {
		answer, err := h.Invoke(t.Context(), adapter.Invocation{Authorized: true}, []byte(event))
		require.NoError(t, err)
		assert.Contains(t, string(answer), "the function is not configured: WECHAT_APPID is not set", event)
		assert.Contains(t, string(answer), "-604103", event)
	}
	assert.Contains(t, log.String(), "the configuration cannot be used")

	works, _ := newHandler(saying("first"))
	require.NoError(t, works.Configured())
}

func TestBugBecomesAFunctionErrorWithoutItsText(t *testing.T) {
	for _, bug := range []any{"s3cr3t", errors.New("s3cr3t"), struct{ secret string }{"s3cr3t"}} {
		h, log := newHandler(doing(func(context.Context, []byte) []byte { panic(bug) }))
		answer, err := h.Invoke(t.Context(), adapter.Invocation{RequestID: "id"}, nil)
		assert.Empty(t, answer)
		require.EqualError(t, err, "internal error, the log of the function says more")
		assert.NotContains(t, log.String(), "s3cr3t")
		assert.Contains(t, log.String(), `"level":"ERROR"`)
		assert.Contains(t, log.String(), "function_test.go", "the stack")
	}
	h, log := newHandler(doing(func(context.Context, []byte) []byte { return []byte{[]byte("x")[len(os.Args)]} }))
	_, err := h.Invoke(t.Context(), adapter.Invocation{}, nil)
	require.Error(t, err)
	assert.Contains(t, log.String(), "index out of range")
}

func TestCallerAndInvocationReachTheAPI(t *testing.T) {
	h, log := newHandler(doing(func(ctx context.Context, _ []byte) []byte {
		assert.Equal(t, openapi.User("oUser"), openapi.CallerFrom(ctx))
		assert.Equal(t, "id", adapter.InvocationFrom(ctx).RequestID)
		journal.From(ctx).Set("more", "told")
		return nil
	}))
	_, err := h.Invoke(t.Context(), adapter.Invocation{Platform: adapter.SCF, Authorized: true, RequestID: "id", TraceID: "trace",
		Environment: map[string]string{"WX_OPENID": "oUser", "TCB_SOURCE": "wx_client"}}, nil)
	require.NoError(t, err)
	for _, field := range []string{`"request_id":"id"`, `"trace_id":"trace"`, `"more":"told"`, `"source":"direct"`} {
		assert.Contains(t, log.String(), field)
	}
}

func TestOnlyAnAuthorizedInvocationIsABackends(t *testing.T) {
	for name, c := range map[string]struct {
		invocation adapter.Invocation
		backend    bool
	}{
		"authorized by the cloud":    {adapter.Invocation{Authorized: true}, true},
		"where visitors are let in":  {adapter.Invocation{Authorized: true, CloudBase: true}, false},
		"by nobody":                  {adapter.Invocation{Platform: adapter.HTTP}, false},
		"by a platform not known":    {adapter.Invocation{Platform: "another"}, false},
		"a function of CloudBase":    {adapter.Invocation{Authorized: true, Environment: map[string]string{"TCB_SOURCE": "scf"}}, true},
		"a visitor of CloudBase":     {adapter.Invocation{Authorized: true, Environment: map[string]string{"TCB_SOURCE": "web_client"}}, false},
		"the same, and unauthorized": {adapter.Invocation{Environment: map[string]string{"TCB_SOURCE": "scf"}}, false},
	} {
		var got openapi.Caller
		h, _ := newHandler(doing(func(ctx context.Context, _ []byte) []byte {
			got = openapi.CallerFrom(ctx)
			return nil
		}))
		_, err := h.Invoke(t.Context(), c.invocation, nil)
		require.NoError(t, err)
		assert.Equal(t, c.backend, got.IsBackend(), name)
	}
}

func TestUnknownEventIsRefused(t *testing.T) {
	h, log := newHandler(saying("first"))
	answer, err := h.Invoke(t.Context(), adapter.Invocation{}, []byte(`{"headers":{}}`))
	require.NoError(t, err)
	assert.Contains(t, string(answer), "-501007 invalid parameters. the event has a member headers")
	assert.Contains(t, log.String(), `"source":"unknown"`)
}

func TestPathsBehindABase(t *testing.T) {
	for _, c := range []struct {
		base, path string
		served     bool
	}{
		{"/v1/soter", "/v1/soter/first", true},
		{"/v1/soter", "/v1/soter/first/", true},
		{"/v1/soter", "/first", true},
		{"/v1/soter", "/v1/soterfirst", false},
		{"/v1/soter", "/v1/first", false},
		{"/v1/soter", "/v1/soter/v1/soter/first", false},
		{"", "/v1/soter/first", false},
		{"", "/first", true},
	} {
		h := function.New("verify", func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error) {
			return function.Function{BasePath: c.base, Calls: []openapi.Call{saying("first")}}, nil
		}, io.Discard)
		w := httptest.NewRecorder()
		h.Serve(t.Context(), adapter.Invocation{}, w, httptest.NewRequest("POST", c.path, nil))
		assert.Equal(t, c.served, w.Code == 200, "%s %s", c.base, c.path)
	}
}

func TestVariablesOfTheInvocationWinAndAreReadOnce(t *testing.T) {
	t.Setenv("FUNCTION_TEST", "process")
	t.Setenv("FUNCTION_OTHER", "process")
	var got []map[string]string
	h := function.New("verify", func(environment map[string]string, _ *slog.Logger, _ *slog.LevelVar) (function.Function, error) {
		got = append(got, environment)
		return function.Function{Calls: []openapi.Call{saying("first")}}, nil
	}, io.Discard)
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
		_, refused := gate(r)
		if want == 0 {
			assert.Nil(t, refused, authorization)
		} else if assert.NotNil(t, refused, authorization) {
			assert.Equal(t, want, refused.Status(), authorization)
		}
	}
	_, refused := function.Bearer(nil)(httptest.NewRequest("POST", "/", nil))
	assert.Equal(t, 403, refused.Status())
	assert.Contains(t, refused.Message, "HTTP_BEARER_TOKENS")
	_, refused = function.Platform(httptest.NewRequest("POST", "/", nil))
	assert.Nil(t, refused)
}

// What CloudWatch takes as metrics must stand in the line that it points into.
func TestLambdaLineHoldsMetrics(t *testing.T) {
	h, log := newHandler(openapi.Call{Name: "test.call", Direct: true, Serve: func(r *http.Request) openapi.Result {
		journal.From(r.Context()).Count("upstream_attempts", 1)
		return openapi.Result{Outcome: "genuine", Log: []slog.Attr{slog.String("openid", "oABC***1234")}}
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
