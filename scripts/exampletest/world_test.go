package exampletest

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/emulator"
	"sotercall/internal/hostedtest"
	"sotercall/internal/need"
	"sotercall/internal/sandbox"
)

const (
	bearerToken = "a-bearer-token-of-the-test-000000"
	user        = "oPays_000000000000000000001"
	stranger    = "oOther_00000000000000000002"
)

// urls are where a Mini Program, and its backend, find everything.
type urls struct {
	AppID     string `json:"appid"`
	Sandbox   string `json:"sandbox"`
	Functions string `json:"functions"`
	Hosting   string `json:"hosting"`
	Backend   string `json:"backend"`
}

// world is the functions in front of a sandbox, by each of the three ways.
type world struct {
	urls
	sandbox hostedtest.Sandbox
	doors   string // both functions behind one HTTP API
	log     *hostedtest.Log
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{sandbox: hostedtest.NewSandbox(t, sandbox.Options{}), log: &hostedtest.Log{}}
	secret := map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32), "HTTP_BEARER_TOKENS": bearerToken}
	verify := hostedtest.SCF(t, "verify", hostedtest.With(w.sandbox.Variables(), secret), 10*time.Second, w.log)
	challenge := hostedtest.SCF(t, "challenge", secret, 10*time.Second, w.log)

	doors := http.NewServeMux()
	doors.Handle("/", emulator.HTTPAPI(verify))
	doors.Handle("/openapi/soter/issueChallenge", emulator.HTTPAPI(challenge))

	w.urls = urls{
		AppID:     sandbox.DefaultAppID,
		Sandbox:   w.sandbox.URL,
		Functions: serve(t, emulator.SCFInvokeAPI(map[string]emulator.Runtime{"verify": verify, "challenge": challenge})),
		Hosting:   serve(t, cloudHosting(identified(doors))),
	}
	w.doors = serve(t, doors)
	return w
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// cloudHosting stands in for WeChat's gateway to a service in Cloud Hosting. It tells
// the service which user it has verified, and takes away what a client says about
// that itself (WeChat Cloud Hosting documentation, page "call").
func cloudHosting(service http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified := r.Header.Get("X-Verified-User") // how the test's wx logs in at WeChat
		r.Header.Del("X-Verified-User")
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Wx-") && name != "X-Wx-Service" {
				r.Header.Del(name)
			}
		}
		r.Header.Set("X-WX-OPENID", verified)
		r.Header.Set("X-WX-APPID", sandbox.DefaultAppID)
		r.Header.Set("X-WX-SOURCE", "wx_client")
		service.ServeHTTP(w, r)
	})
}

// identified is a service that trusts its gateway's X-WX-OPENID, made of the functions'
// HTTP doors. It is no proof of the project's own reading of these headers.
func identified(doors http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var question map[string]string
		if err := json.UnmarshalRead(r.Body, &question); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		question["openid"] = r.Header.Get("X-WX-OPENID")
		body, err := json.Marshal(question)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Authorization", "Bearer "+bearerToken)
		doors.ServeHTTP(w, r)
	})
}

// code2Session stands in for WeChat's auth.code2Session: the codes of the test's wx
// name their user.
func code2Session(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	openid, ok := strings.CutPrefix(query.Get("js_code"), "code-of-")
	if !ok || query.Get("appid") != sandbox.DefaultAppID || query.Get("secret") != sandbox.DefaultAppSecret {
		_, _ = io.WriteString(w, `{"errcode":40029,"errmsg":"invalid code, rid: 68b6cccd-413bd35f-519163d6"}`)
		return
	}
	_, _ = io.WriteString(w, `{"openid":"`+openid+`","session_key":"c2Vzc2lvbi1rZXktb2YtdGVzdA=="}`)
}

// startBackend runs examples/backend until the test ends, and returns its URL.
func (w *world) startBackend(t *testing.T, variables map[string]string) string {
	t.Helper()
	need.Program(t, "node")
	command := exec.Command("node", "../../examples/backend/server.js")
	all := map[string]string{
		"PATH": os.Getenv("PATH"), "PORT": "0", "SOTER_URL": w.doors, "SOTER_BEARER_TOKEN": bearerToken,
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE": serve(t, http.HandlerFunc(code2Session)),
	}
	for name, value := range hostedtest.With(all, variables) {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Stderr = w.log
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, w.log.String())
	return strings.TrimSpace(line)
}
