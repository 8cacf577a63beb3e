package emulator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/rule/ruletest"
)

// wayIn is how a request comes to a function, and what it gets there when a fault strikes.
type wayIn struct {
	path    string
	header  map[string]string
	handler func(rt Runtime) http.Handler
	status  int
	body    string
}

func throttledWays() map[*rule.Rule]map[Fault]wayIn {
	api := func(rt Runtime) http.Handler { return InvokeAPI(map[string]Runtime{"verify": rt}) }
	ours := func(rt Runtime) http.Handler { return SCFInvokeAPI(map[string]Runtime{"verify": rt}) }
	scfURL := func(rt Runtime) http.Handler { return SCFFunctionURL(rt, TC3Key{}) }
	page := map[string]string{"X-Scf-Environment": `{"TCB_SOURCE":"wx_client"}`}
	return map[*rule.Rule]map[Fault]wayIn{
		invokeThrottled:      {FaultConcurrency: {invokeVerify, nil, api, 429, `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}`}},
		functionURLThrottled: {FaultConcurrency: {"/", nil, FunctionURL, 429, `{"message":"Too Many Requests"}`}},
		httpAPIRate:          {FaultGateway: {"/", nil, HTTPAPI, 429, `{"message":"Too Many Requests"}`}},
		httpAPIBackend:       {FaultConcurrency: {"/", nil, HTTPAPI, 500, `{"message":"Internal Server Error"}`}},
		restRate:             {FaultGateway: {"/", nil, RESTAPI, 429, `{"message":"Too Many Requests"}`}},
		restBackend:          {FaultRate: {"/", nil, RESTAPI, 500, `{"message":"Internal Server Error"}`}},
		scfConcurrency:       {FaultConcurrency: {"/", nil, scfURL, 432, `"statusCode":432`}},
		scfBurst:             {FaultRate: {"/", nil, scfURL, 429, `"errorMessage":"ResourceLimit"`}},
		tcbConcurrency:       {FaultConcurrency: {invokeSCFVerify, page, ours, 429, `"Code":"EXCEED_CONCURRENT_REQUEST_LIMIT"`}},
	}
}

// throttleCases ask each way in with a fault, and once it has struck.
func throttleCases() map[*rule.Rule]ruletest.Case {
	cases := map[*rule.Rule]ruletest.Case{}
	for r, ways := range throttledWays() {
		for fault, way := range ways {
			ask := func(t *testing.T, fault Fault, times, want int) string {
				rt := WithFaults(answering(restReply))
				rt.Inject(fault, times)
				request := httptest.NewRequest(http.MethodPost, way.path, strings.NewReader("{}"))
				for name, value := range way.header {
					request.Header.Set(name, value)
				}
				w := httptest.NewRecorder()
				way.handler(rt).ServeHTTP(w, request)
				assert.Equal(t, want, w.Code, w.Body)
				return w.Body.String()
			}
			cases[r] = ruletest.Case{
				Breaks: func(t *testing.T) { assert.Contains(t, ask(t, fault, 1, way.status), way.body) },
				Keeps:  func(t *testing.T) { ask(t, fault, 0, 200) },
			}
		}
	}
	return cases
}

func TestFaultsStrikeAsOftenAsToldAndInOrder(t *testing.T) {
	rt := WithFaults(answering("1"))
	rt.Inject(FaultGateway, 1)
	rt.Inject(FaultRate, 1)
	rt.Inject(FaultConcurrency, 2)
	for _, want := range []Fault{FaultRate, FaultConcurrency, FaultConcurrency} {
		_, err := rt.Invoke(t.Context(), Call{})
		require.Equal(t, &Throttled{want}, err)
	}
	answer, err := rt.Invoke(t.Context(), Call{})
	require.NoError(t, err)
	assert.Equal(t, "1", string(answer.Payload))
	assert.True(t, gatewayIsThrottled(rt), "it waits for a gateway")
	assert.False(t, gatewayIsThrottled(rt), "and struck once")
}

// By API 3.0 a throttled invocation has a result, as every failed one: status code 432 in its
// error document.
func TestThrottledOnSCFByItsAPI(t *testing.T) {
	rt := WithFaults(answering("1"))
	rt.Inject(FaultConcurrency, 1)
	for _, want := range []string{`\"statusCode\":432`, `"RetMsg":"1"`} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"FunctionName":"verify"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-TC-Action", "InvokeFunction")
		r.Header.Set("X-TC-Version", scfAPIVersion)
		w := httptest.NewRecorder()
		SCFAPI(map[string]Runtime{"verify": rt}, TC3Key{}).ServeHTTP(w, r)
		assert.Contains(t, w.Body.String(), want)
	}
}
