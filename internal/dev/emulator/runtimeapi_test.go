package emulator

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A runtime of another kind than aws-lambda-go, which keeps to the protocol in every state.
type rawRuntime struct {
	t      *testing.T
	base   string
	client http.Client
}

func (r *rawRuntime) post(path, body string, trailer http.Header) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.base+path, io.MultiReader(strings.NewReader(body)))
	require.NoError(r.t, err)
	request.Trailer = trailer
	return r.do(request)
}

func (r *rawRuntime) next() (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.base+"invocation/next", nil)
	require.NoError(r.t, err)
	return r.do(request)
}

func (r *rawRuntime) do(request *http.Request) (int, string) {
	r.t.Helper()
	response, err := r.client.Do(request)
	require.NoError(r.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, string(body)
}

func newRawRuntime(t *testing.T) (*runtimeAPI, *rawRuntime) {
	t.Helper()
	api, err := startRuntimeAPI()
	require.NoError(t, err)
	r := &rawRuntime{t: t, base: "http://" + api.address() + "/2018-06-01/runtime/", client: http.Client{Transport: new(http.Transport)}}
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		api.close()
	})
	return api, r
}

func offerTo(t *testing.T, api *runtimeAPI, requestID string) *lambdaInvocation {
	t.Helper()
	i := &lambdaInvocation{requestID: requestID, payload: []byte(`{}`), deadline: time.Now().Add(time.Minute), completed: make(chan struct{})}
	go func() { api.offers <- i }()
	return i
}

func TestRuntimeAPICompletesAnInvocationAtTheNextNext(t *testing.T) {
	api, runtime := newRawRuntime(t)
	first := offerTo(t, api, "r-1")
	status, payload := runtime.next()
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `{}`, payload)

	status, body := runtime.post("invocation/r-1/response", `"answer"`, nil)
	require.Equal(t, http.StatusAccepted, status)
	assert.JSONEq(t, `{"status":"OK"}`, body)
	select {
	case <-first.completed:
		t.Fatal("completed before the process asked again")
	default:
	}

	offerTo(t, api, "r-2")
	status, _ = runtime.next()
	require.Equal(t, http.StatusOK, status)
	<-first.completed
	answer, answered, failed := api.outcome(first)
	assert.Equal(t, `"answer"`, string(answer))
	assert.True(t, answered)
	assert.False(t, failed)
}

func TestRuntimeAPIRefusesWhatIsOutOfTurn(t *testing.T) {
	api, runtime := newRawRuntime(t)
	status, body := runtime.post("invocation/r-1/response", `"nobody asked"`, nil)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, body, "InvalidRequestID")

	offerTo(t, api, "r-1")
	status, _ = runtime.next()
	require.Equal(t, http.StatusOK, status)

	status, body = runtime.post("invocation/r-0/response", `"somebody else's"`, nil)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, body, "InvalidRequestID")

	status, body = runtime.next()
	assert.Equal(t, http.StatusForbidden, status)
	assert.Contains(t, body, "InvalidStateTransition")

	status, _ = runtime.post("invocation/r-1/error", `{"errorMessage":"mine"}`, nil)
	require.Equal(t, http.StatusAccepted, status)
	status, body = runtime.post("invocation/r-1/response", `"second thoughts"`, nil)
	assert.Equal(t, http.StatusForbidden, status)
	assert.Contains(t, body, "InvalidStateTransition")
}

func TestRuntimeAPIAnswerThatBreaksOffIsAnError(t *testing.T) {
	api, runtime := newRawRuntime(t)
	i := offerTo(t, api, "r-1")
	status, _ := runtime.next()
	require.Equal(t, http.StatusOK, status)

	const document = `{"errorMessage":"disk","errorType":"PathError"}`
	status, _ = runtime.post("invocation/r-1/response", `{"half`, http.Header{
		"Lambda-Runtime-Function-Error-Type": {"PathError"},
		"Lambda-Runtime-Function-Error-Body": {base64.StdEncoding.EncodeToString([]byte(document))},
	})
	require.Equal(t, http.StatusAccepted, status)
	answer, _, failed := api.outcome(i)
	assert.True(t, failed)
	assert.Equal(t, document, string(answer))
}

func TestRuntimeAPIServesNoWebPage(t *testing.T) {
	api, runtime := newRawRuntime(t)
	offerTo(t, api, "r-1")
	for name, change := range map[string]func(*http.Request){
		"a rebound name": func(r *http.Request) { r.Host = "evil.test" },
		"another origin": func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") },
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, runtime.base+"invocation/next", nil)
		require.NoError(t, err)
		change(request)
		status, body := runtime.do(request)
		assert.Equal(t, http.StatusForbidden, status, name)
		assert.Contains(t, body, "this server", name)
	}
	status, payload := runtime.next()
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, `{}`, payload, "the twin: the invocation is still there for the process")
}
