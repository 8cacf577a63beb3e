package exampletest

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
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

// world is the functions in front of a sandbox, by each of the three ways: invoked in
// CloudBase, as a service in Cloud Hosting, and behind a backend.
type world struct {
	urls
	sandbox hosted.Sandbox
	doors   string // both functions' URLs on SCF, behind one address
	verify  *emulator.Faulty
	log     *hosted.Log
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{sandbox: hosted.NewSandbox(t, sandbox.Options{}), log: &hosted.Log{}}
	secret := map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32), "HTTP_BEARER_TOKENS": bearerToken}
	verify := emulator.WithFaults(hosted.SCF(t, "verify", hosted.With(w.sandbox.Variables(), secret), 10*time.Second, w.log))
	w.verify = verify
	challenge := hosted.SCF(t, "challenge", secret, 10*time.Second, w.log)

	doors := http.NewServeMux()
	doors.Handle("/", hosted.URL(verify))
	doors.Handle("/openapi/soter/issueChallenge", hosted.URL(challenge))

	w.urls = urls{
		AppID:     sandbox.DefaultAppID,
		Sandbox:   hosted.Serve(t, w.sandbox.Sandbox),
		Functions: hosted.Serve(t, emulator.SCFInvokeAPI(map[string]emulator.Runtime{"verify": verify, "challenge": challenge})),
		Hosting:   hosted.Serve(t, w.cloudHosting(t)),
	}
	w.doors = hosted.Serve(t, doors)
	return w
}

// cloudHosting runs functions/service as WeChat Cloud Hosting runs it: the sandbox is
// the gateway of callContainer and the open API service behind it. Which user the
// gateway has verified, the test's wx says in a header that no real client has.
func (w *world) cloudHosting(t *testing.T) http.Handler {
	t.Helper()
	service := hosted.Container(t, w.sandbox, map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)}, hosted.Ample, w.log)
	return http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		verified := r.Header.Get("X-Verified-User")
		r.Header.Del("X-Verified-User")
		gateway, err := service.CallContainer(verified)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		gateway.ServeHTTP(answer, r)
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

const backendScript = "examples/backend/server.js"

// startBackend runs examples/backend until the test ends, and returns its URL.
func (w *world) startBackend(t *testing.T, variables map[string]string) string {
	t.Helper()
	need.Program(t, "node")
	all := map[string]string{
		"PATH": os.Getenv("PATH"), "PORT": "0", "SOTER_URL": w.doors, "SOTER_BEARER_TOKEN": bearerToken,
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret,
		"WECHAT_API_BASE": hosted.Serve(t, http.HandlerFunc(code2Session)),
	}
	return w.startNode(t, "../../"+backendScript, hosted.With(all, variables))
}

// startNode runs a server until the test ends, and returns the URL that it prints.
func (w *world) startNode(t *testing.T, script string, variables map[string]string) string {
	t.Helper()
	command := exec.Command("node", script)
	for name, value := range variables {
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

// forward passes requests on to url.
func forward(t *testing.T, address string) http.Handler {
	t.Helper()
	target, err := url.Parse(address)
	require.NoError(t, err)
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
}

// isVerify reports whether a request asks verify, over HTTP or by SCF's Invoke API.
func isVerify(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/verifySignature") || strings.HasSuffix(r.URL.Path, "/verify/invocations")
}

// challengeIn is the challenge in an answer of issueChallenge.
func challengeIn(t *testing.T, answer string) string {
	t.Helper()
	var issued struct {
		Challenge string `json:"challenge"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &issued), answer)
	require.NotEmpty(t, issued.Challenge, answer)
	return issued.Challenge
}
