package cloudcall_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/wechat/cloudcall"
)

// TestRequestIsTheSDKs sends each recorded question at the recorded time: what
// arrives is what the SDK sent, down to the last byte of the body and the
// signature.
func TestRequestIsTheSDKs(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.Name, func(t *testing.T) {
			var method, target string
			var body []byte
			header := map[string]string{}
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
				method, target = got.Method, got.RequestURI
				body, _ = io.ReadAll(got.Body)
				header["host"] = got.Host
				for name := range got.Header {
					header[strings.ToLower(name)] = got.Header.Get(name)
				}
			}))
			defer server.Close()
			verifier := cloudcall.New(func(context.Context) map[string]string { return r.Environment }, r.now)
			defer verifier.CloseConnections()
			verifier.DialOnly(server.Listener.Addr().String())
			_, boundary, _ := strings.Cut(r.Request.Header["content-type"], "boundary=")
			verifier.FixBoundary(boundary)

			_, err := verifier.Verify(t.Context(), r.request())
			require.Error(t, err, "nobody has answered")
			if method == "" { // the SDK sends a call without a ticket; Verify does not
				require.ErrorContains(t, err, "missing wxCloudApiToken")
				require.NoError(t, verifier.Send(t.Context(), r.request()))
			}
			assert.Equal(t, r.Request.Method, method)
			assert.Equal(t, r.Request.Target, target)
			assert.Equal(t, string(r.Request.Body), string(body))
			for _, ofTheConnection := range []string{"accept-encoding", "content-length"} {
				delete(header, ofTheConnection)
			}
			assert.Equal(t, r.Request.Header, header)
		})
	}
}

func TestOnlyTheGivenEnvironmentCounts(t *testing.T) {
	b := newBench(t, weChat(`{"is_ok":true}`))
	for name, value := range b.environment {
		t.Setenv(name, value)
	}
	full := maps.Clone(b.environment)
	for _, missing := range []string{"TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY"} {
		b.environment = maps.Clone(full)
		delete(b.environment, missing)
		_, err := ask(t, b)
		require.ErrorContains(t, err, "-604103 call open API system error. the invocation came without TENCENTCLOUD_SECRETID and TENCENTCLOUD_SECRETKEY")
	}
	assert.Zero(t, b.requests.Load())
	b.environment = full
	verdict, err := ask(t, b)
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())
}
