package emulator

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/rule/ruletest"
)

// TestRules breaks each rule of rules.go, where its sentence and its source are, and no other, and has a twin that breaks
// none.
func TestRules(t *testing.T) {
	cases := map[*rule.Rule]ruletest.Case{}
	for _, some := range []map[*rule.Rule]ruletest.Case{
		configurationCases(), lambdaCases(), runtimeAPICases(), invokeCases(), httpCases(), scfCases(), scfAPICases(), scfURLCases(), throttleCases(),
	} {
		maps.Copy(cases, some)
	}
	ruletest.Run(t, &rules, cases)
}

// These pages were not to be found when they were looked for, on 30 November 2026.
func TestSourcesThatAreNotConfirmed(t *testing.T) {
	ruletest.Unconfirmed(t, &rules,
		"docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
		"docs.aws.amazon.com/lambda/latest/api/API_Invoke.html",
		"docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html",
		"tencentcloud.com/document/product/583/17237",
	)
}

// configurationCases check a configuration of each platform.
func configurationCases() map[*rule.Rule]ruletest.Case {
	cases := map[*rule.Rule]ruletest.Case{}
	variable := func(name string, size int) Function {
		return Function{Env: map[string]string{name: strings.Repeat("x", size)}}
	}
	add := func(l limits, r *rule.Rule, breaks, keeps Function) {
		of := func(f Function, isRefused bool) func(t *testing.T) {
			return func(t *testing.T) { assert.Equal(t, isRefused, checked(t, l, f) != nil) }
		}
		cases[r] = ruletest.Case{Breaks: of(breaks, true), Keeps: of(keeps, false)}
	}
	for _, platform := range Platforms {
		l := *platform.limits
		reserved := slices.Clone(l.reservedNames)
		for _, prefix := range l.reservedPrefixes {
			reserved = append(reserved, prefix+"X")
		}
		size := l.maxVariables - len("AB")
		add(l, l.rules.name, Function{Name: "verify.main"}, Function{Name: "verify-main"})
		add(l, l.rules.timeout, Function{Timeout: l.maxTimeout + time.Second}, Function{Timeout: l.maxTimeout})
		add(l, l.rules.memory, Function{MemoryMB: 1}, Function{MemoryMB: 128})
		add(l, l.rules.variable, variable("A-B", 1), variable("A_B", 1))
		add(l, l.rules.reserved, variable(reserved[0], 1), variable("AB", 1))
		add(l, l.rules.variablesSize, variable("AB", size+1), variable("AB", size))
	}
	return cases
}

func lambdaCases() map[*rule.Rule]ruletest.Case {
	large := []byte(`"` + strings.Repeat("x", maxSyncPayload-2) + `"`)
	invoke := func(call Call) func(t *testing.T) {
		return func(t *testing.T) { _, _ = startLambda(t, Function{}).Invoke(t.Context(), call) }
	}
	start := func(mode string) func(t *testing.T) {
		return func(t *testing.T) {
			// The stand-in waits for 10 s; here somebody else ends that wait, for the same reason.
			ctx, cancel := context.WithCancelCause(t.Context())
			var log logBuffer
			f := Function{Name: "verify", Binary: lambdaBinary(t), Env: map[string]string{"INIT": mode}, Log: writerFunc(func(p []byte) (int, error) {
				cancel(errNotReady)
				return log.Write(p)
			})}
			l, err := StartLambda(ctx, f)
			assert.Equal(t, mode == "hang", err != nil)
			if err == nil {
				require.NoError(t, l.Close())
			}
		}
	}
	return map[*rule.Rule]ruletest.Case{
		lambdaEvent:         {Breaks: invoke(Call{Payload: append(large, ' ')}), Keeps: invoke(Call{Payload: large})},
		lambdaCallVariables: {Breaks: invoke(Call{Payload: []byte("1"), Environment: map[string]string{"A": "1"}}), Keeps: invoke(Call{Payload: []byte("1")})},
		lambdaInit:          {Breaks: start("hang"), Keeps: start("")},
		lambdaTime: {
			Breaks: func(t *testing.T) { do(t, startLambda(t, Function{Timeout: time.Second}), "hang", "") },
			Keeps:  func(t *testing.T) { requireEcho(t, startLambda(t, Function{Timeout: time.Minute})) },
		},
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// runtimeAPICases speak to the Runtime API as a runtime does that has invocation r-1.
func runtimeAPICases() map[*rule.Rule]ruletest.Case {
	with := func(steps func(t *testing.T, r *rawRuntime)) func(t *testing.T) {
		return func(t *testing.T) {
			api, runtime := newRawRuntime(t)
			offerTo(t, api, "r-1")
			status, _ := runtime.next()
			require.Equal(t, http.StatusOK, status)
			steps(t, runtime)
		}
	}
	respond := func(t *testing.T, r *rawRuntime, id, body string, want int, trailer http.Header) {
		status, _ := r.post("invocation/"+id+"/response", body, trailer)
		assert.Equal(t, want, status)
	}
	once := with(func(t *testing.T, r *rawRuntime) { respond(t, r, "r-1", "1", http.StatusAccepted, nil) })
	largest := strings.Repeat("x", maxLambdaAnswer)
	failed := func(body string) http.Header {
		return http.Header{"Lambda-Runtime-Function-Error-Type": {"x"}, "Lambda-Runtime-Function-Error-Body": {body}}
	}
	return map[*rule.Rule]ruletest.Case{
		runtimeNext: {Keeps: once, Breaks: with(func(t *testing.T, r *rawRuntime) {
			status, _ := r.next()
			assert.Equal(t, http.StatusForbidden, status)
		})},
		runtimeTwice: {Keeps: once, Breaks: with(func(t *testing.T, r *rawRuntime) {
			respond(t, r, "r-1", "1", http.StatusAccepted, nil)
			respond(t, r, "r-1", "1", http.StatusForbidden, nil)
		})},
		runtimeID: {Keeps: once, Breaks: with(func(t *testing.T, r *rawRuntime) { respond(t, r, "r-2", "1", http.StatusBadRequest, nil) })},
		runtimeSize: {
			Breaks: with(func(t *testing.T, r *rawRuntime) {
				respond(t, r, "r-1", largest+"x", http.StatusRequestEntityTooLarge, nil)
			}),
			Keeps: with(func(t *testing.T, r *rawRuntime) { respond(t, r, "r-1", largest, http.StatusAccepted, nil) }),
		},
		runtimeTrailer: {
			Breaks: with(func(t *testing.T, r *rawRuntime) { respond(t, r, "r-1", "1", http.StatusBadRequest, failed("?")) }),
			Keeps:  with(func(t *testing.T, r *rawRuntime) { respond(t, r, "r-1", "1", http.StatusAccepted, failed("e30=")) }),
		},
	}
}

// invokeCases ask AWS Lambda's own API.
func invokeCases() map[*rule.Rule]ruletest.Case {
	api := InvokeAPI(map[string]Runtime{"verify": answering(`1`)})
	ask := func(want int, path, body string, header ...string) func(t *testing.T) {
		return func(t *testing.T) {
			headers := map[string]string{}
			for i := 0; i+1 < len(header); i += 2 {
				headers[header[i]] = header[i+1]
			}
			response, answer := post(t, api, path, []byte(body), headers)
			assert.Equal(t, want, response.StatusCode, answer)
		}
	}
	const ctx, kind = "X-Amz-Client-Context", "X-Amz-Invocation-Type"
	object := func(size int) string {
		return base64.StdEncoding.EncodeToString([]byte(`{` + strings.Repeat(" ", size-2) + `}`))
	}
	json := func(size int) string { return `"` + strings.Repeat("x", size-2) + `"` }
	good := ask(200, invokeVerify, "{}")
	return map[*rule.Rule]ruletest.Case{
		invokeName:        {Breaks: ask(404, "/2015-03-31/functions/other/invocations", "{}"), Keeps: good},
		invokeType:        {Breaks: ask(400, invokeVerify, "{}", kind, "Later"), Keeps: ask(204, invokeVerify, "{}", kind, "DryRun")},
		invokeLogType:     {Breaks: ask(400, invokeVerify, "{}", "X-Amz-Log-Type", "Head"), Keeps: ask(200, invokeVerify, "{}", "X-Amz-Log-Type", "None")},
		invokeSize:        {Breaks: ask(413, invokeVerify, json(6<<20+1)), Keeps: ask(200, invokeVerify, json(6<<20))},
		invokeAsyncSize:   {Breaks: ask(413, invokeVerify, json(1<<20+1), kind, "Event"), Keeps: ask(202, invokeVerify, json(1<<20), kind, "Event")},
		invokeJSON:        {Breaks: ask(400, invokeVerify, "{"), Keeps: good},
		invokeContext:     {Breaks: ask(400, invokeVerify, "{}", ctx, "MQ=="), Keeps: ask(200, invokeVerify, "{}", ctx, "e30=")},
		invokeContextSize: {Breaks: ask(400, invokeVerify, "{}", ctx, object(2686)), Keeps: ask(200, invokeVerify, "{}", ctx, object(2685))},
		invokeStream:      {Breaks: ask(400, "/2021-11-15/functions/verify/response-streaming-invocations", "{}"), Keeps: good},
		invokeOperation:   {Breaks: ask(404, "/2015-03-31/functions/verify/versions", "{}"), Keeps: good},
	}
}

// answering is a function that always answers the same.
func answering(payload string) Runtime {
	return runtimeFunc(func(context.Context, Call) (Response, error) { return Response{Payload: []byte(payload)}, nil })
}
