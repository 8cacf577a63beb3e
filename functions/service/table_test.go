package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/test/hosted"
	"sotercall/internal/version"
)

// verified has a service verify the sample.
func verified(t *testing.T, s *emulator.HTTPServer) string {
	t.Helper()
	_, answer := hosted.Post(t, s.URL+"/", hosted.JSON(t, hosted.Sample(t)), http.Header{"Authorization": {"Bearer " + bearer}})
	return answer
}

// A table that can never work as it is configured is red, before the first call. One that
// is merely away, slow or busy is not.
func TestHealthTellsATableThatCannotWork(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	start := func(variables map[string]string) *emulator.HTTPServer {
		return serve(t, hosted.With(hosted.With(wechat.Variables(), variables), map[string]string{"HTTP_BEARER_TOKENS": bearer}))
	}
	table := dynalite.Start(t)
	missing := hosted.With(table.Environment(), map[string]string{"DYNAMODB_TABLE": "no-such-table"})
	refusing := dynalite.Start(t)
	refusing.Break(dynalite.Fault{Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid."})
	for says, variables := range map[string]map[string]string{
		"DYNAMODB_TABLE: there is no table no-such-table in eu-west-1, or it is not ready yet\n": missing,
		"DYNAMODB_TABLE: the credentials are refused (UnrecognizedClientException)\n":            refusing.Environment(),
	} {
		s := start(variables)
		var text string
		assert.Eventually(t, func() bool {
			var status int
			status, text = health(t, s)
			return status == http.StatusServiceUnavailable
		}, 10*time.Second, 10*time.Millisecond, says)
		assert.Equal(t, says+"version: "+version.String()+"\n", text)
		if refusing.Name == variables["DYNAMODB_TABLE"] {
			refusing.Mend()
			assert.Equal(t, hosted.Verified, verified(t, s))
			status, text := health(t, s)
			assert.Equal(t, http.StatusOK, status, "the twin: it works now: %s", text)
		}
	}
	for _, fault := range []dynalite.Fault{{Cut: true}, {Code: "ThrottlingException"}, {Code: "InternalServerError"}} {
		s := start(table.Environment())
		table.Break(fault)
		assert.Equal(t, hosted.Verified, verified(t, s), "the counter is only logged")
		status, text := health(t, s)
		assert.Equal(t, http.StatusOK, status, "%+v: %s", fault, text)
		table.Mend()
	}
}

// role is the address at which ECS and EKS give a container the credentials of its role:
// the same ones for rotation, then others. Each live for life.
type role struct {
	life, rotation time.Duration

	mu    sync.Mutex
	given []time.Time // guarded by mu; when each was first given, in their order
	stale int         // guarded by mu; requests that were signed with none that lives
}

// authorization is what a container presents to ECS.
const authorization = "the-token-of-the-container-test"

// ServeHTTP gives credentials.
func (r *role) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != authorization {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.given); n == 0 || time.Since(r.given[n-1]) >= r.rotation {
		r.given = append(r.given, time.Now())
	}
	n := len(r.given)
	_ = json.MarshalWrite(w, map[string]string{
		"AccessKeyId": fmt.Sprintf("ASIAROLE%d", n), "SecretAccessKey": "key", "Token": "session",
		"Expiration": r.given[n-1].Add(r.life).UTC().Format(time.RFC3339Nano),
	})
}

var accessKey = regexp.MustCompile(`Credential=ASIAROLE(\d+)/`)

// takes reports whether a request was signed with credentials that have not ended.
func (r *role) takes(req *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	match := accessKey.FindStringSubmatch(req.Header.Get("Authorization"))
	for n, at := range r.given {
		if match != nil && match[1] == fmt.Sprint(n+1) && time.Since(at) < r.life {
			return true
		}
	}
	r.stale++
	return false
}

// haveEnded returns how many of the credentials that were given have ended.
func (r *role) haveEnded() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, at := range r.given {
		if time.Since(at) >= r.life {
			n++
		}
	}
	return n
}

// refused returns how many requests were signed with none that lived.
func (r *role) refused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stale
}

// strict lets those requests through to a table whose credentials live. dynalite itself
// takes any.
func (r *role) strict(t *testing.T, table *dynalite.Table) (address string) {
	t.Helper()
	to, err := url.Parse(table.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.takes(req) {
			proxy.ServeHTTP(w, req)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token included in the request is expired"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A container without keys takes those of its role, and others before they end: none of its
// calls is refused. One whose keys were pasted into its variables is refused when they end.
func TestCredentialsOfAContainerEndInTheMiddle(t *testing.T) {
	wechat := hosted.NewSandbox(t, sandbox.Options{})
	table, of := dynalite.Start(t), &role{life: 4 * time.Second, rotation: time.Second}
	credentials := httptest.NewServer(of)
	t.Cleanup(credentials.Close)
	variables := hosted.With(wechat.Variables(), map[string]string{
		"DYNAMODB_TABLE": table.Name, "AWS_REGION": dynalite.Region, "AWS_ENDPOINT_URL_DYNAMODB": of.strict(t, table),
		"AWS_EC2_METADATA_DISABLED": "true", "HTTP_BEARER_TOKENS": bearer, "COUNTER_POLICY": "enforce", "CHALLENGE_SECRET": strings.Repeat("c", 32),
	})
	s := serve(t, hosted.With(variables, map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials.URL + "/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": authorization,
	}))
	phone, err := wechat.Phone(alice, sandbox.Android)
	require.NoError(t, err)
	backend := http.Header{"Authorization": {"Bearer " + bearer}}
	verify := func(s *emulator.HTTPServer) string {
		_, answer := hosted.Post(t, s.URL+"/openapi/soter/issueChallenge", []byte(`{"openid":"`+alice+`"}`), backend)
		var issued struct {
			Challenge string `json:"challenge"`
		}
		require.NoError(t, json.Unmarshal([]byte(answer), &issued), answer)
		signed, err := phone.Sign(issued.Challenge)
		require.NoError(t, err)
		_, answer = hosted.Post(t, s.URL+"/", hosted.JSON(t, signed), backend)
		return answer
	}
	calls := 0
	for of.haveEnded() < 2 {
		calls++
		require.Equal(t, hosted.Verified, verify(s), "call %d", calls)
	}
	assert.Zero(t, of.refused())
	t.Logf("%d calls", calls)

	pasted := serve(t, hosted.With(variables, map[string]string{
		"AWS_ACCESS_KEY_ID": "ASIAROLE1", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "session",
	}))
	assert.Contains(t, verify(pasted), `"errCode":-604103`)
	assert.NotZero(t, of.refused())
	status, text := health(t, pasted)
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "DYNAMODB_TABLE: the credentials are refused (ExpiredTokenException)\nversion: "+version.String()+"\n", text)
}
