package cloudcall_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/wechat/cloudcall"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording is a question, the variables and the clock at which it was asked,
// and the request that wx-server-sdk 4.0.2 then sent. scripts/interop makes it.
type recording struct {
	Name        string
	Environment map[string]string
	Question    struct{ OpenID, JSONString, JSONSignature string }
	At          int64 // Unix milliseconds
	Request     struct {
		Method, Target string
		Header         map[string]string
		Body           []byte
	}
}

func recordings(t testing.TB) []recording {
	t.Helper()
	text, err := os.ReadFile("testdata/requests.json")
	require.NoError(t, err)
	var all []recording
	require.NoError(t, json.Unmarshal(text, &all, json.MatchCaseInsensitiveNames(true), json.RejectUnknownMembers(true)))
	require.NotEmpty(t, all)
	return all
}

func (r recording) now() time.Time { return time.UnixMilli(r.At) }

func (r recording) request() openapi.Request {
	return openapi.Request{OpenID: r.Question.OpenID, JSONString: r.Question.JSONString, JSONSignature: r.Question.JSONSignature}
}

func (r recording) credentials() cloudcall.Credentials {
	return cloudcall.Credentials{
		SecretID:  secret.New(r.Environment["TENCENTCLOUD_SECRETID"]),
		SecretKey: secret.New(r.Environment["TENCENTCLOUD_SECRETKEY"]),
	}
}

// bench is a Verifier and the gateway that it asks, over real HTTP.
type bench struct {
	*cloudcall.Verifier
	server      *httptest.Server
	requests    atomic.Int32
	environment map[string]string
	clock       time.Time
}

const secretKey = "s3cr3t-key"

func newBench(t *testing.T, gateway http.HandlerFunc) *bench {
	t.Helper()
	b := &bench{clock: time.UnixMilli(1763890112345)}
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		gateway(w, r)
	}))
	t.Cleanup(b.server.Close)
	b.environment = map[string]string{
		"TCB_CONTEXT_CNFG":          `{"URL":"` + b.server.URL + `/admin"}`,
		"TENCENTCLOUD_SECRETID":     "s3cr3t-id",
		"TENCENTCLOUD_SECRETKEY":    secretKey,
		"TENCENTCLOUD_SESSIONTOKEN": "s3cr3t-session",
		"WX_API_TOKEN":              "s3cr3t-api",
	}
	b.Verifier = cloudcall.New(
		func(context.Context) map[string]string { return b.environment },
		func() time.Time { return b.clock },
	)
	t.Cleanup(b.CloseConnections)
	return b
}

// weChat answers like a gateway that has asked WeChat.
func weChat(reply string) http.HandlerFunc {
	return answer(cloudcall.Response{Data: []byte(reply), ContentType: "application/json; encoding=utf-8"}.Marshal())
}

func answer(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(body)
	}
}

func ask(t *testing.T, b *bench) (openapi.Verdict, error) {
	t.Helper()
	return b.Verify(t.Context(), openapi.Request{OpenID: "oUser", JSONString: `{"raw":"x"}`, JSONSignature: "s3cr3t-signature"})
}
