package emulator

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/rule/ruletest"
)

// scfCases call functions on SCF.
func scfCases() map[*rule.Rule]ruletest.Case {
	size := func(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }
	check := func(isRefused bool, payload []byte, variables ...string) func(t *testing.T) {
		return func(t *testing.T) {
			call := Call{Payload: payload, Environment: map[string]string{}}
			for i := 0; i+1 < len(variables); i += 2 {
				call.Environment[variables[i]] = variables[i+1]
			}
			assert.Equal(t, isRefused, checkCaller(call) != nil)
		}
	}
	one := []byte("1")
	invoke := func(f Function, do string, variables map[string]string) func(t *testing.T) {
		return func(t *testing.T) {
			s := startSCF(t, f)
			_, err := s.Invoke(t.Context(), Call{Payload: event(t, do, ""), Environment: variables})
			require.NoError(t, err)
		}
	}
	start := func(name string) func(t *testing.T) {
		return func(t *testing.T) {
			// The stand-in waits for 10 s; here somebody else ends that wait, for the same reason.
			ctx, cancel := context.WithCancelCause(t.Context())
			s, err := StartSCF(ctx, Function{Name: name, Binary: scfBinary(t), Log: writerFunc(func(p []byte) (int, error) {
				cancel(errNotReady)
				return len(p), nil
			})})
			assert.Equal(t, name == "init-hangs", err != nil)
			if err == nil {
				require.NoError(t, s.Close())
			}
		}
	}
	header := func(isRefused bool, variable string) func(t *testing.T) {
		return func(t *testing.T) {
			assert.Equal(t, isRefused, setUserHeaders(http.Header{}, map[string]string{variable: "x"}) != nil)
		}
	}
	page, byHTTP := map[string]string{"TCB_SOURCE": "wx_client"}, map[string]string{"TCB_SOURCE": "wx_http"}
	return map[*rule.Rule]ruletest.Case{
		scfEvent:          {Breaks: check(true, size(6<<20+1)), Keeps: check(false, size(6<<20))},
		tcbEvent:          {Breaks: check(true, size(100<<10+1), "TCB_SOURCE", "wx_client"), Keeps: check(false, size(100<<10), "TCB_SOURCE", "wx_client")},
		tcbTicket:         {Breaks: check(true, one, "TCB_SOURCE", "wx_client,scf", ticket, "x"), Keeps: check(false, one, "TCB_SOURCE", "wx_client", ticket, "x")},
		wxHTTPUser:        {Breaks: check(true, one, "TCB_SOURCE", "wx_http", "WX_OPENID", "o1"), Keeps: check(false, one, "TCB_SOURCE", "wx_client", "WX_OPENID", "o1")},
		wxHTTPTime:        {Breaks: invoke(Function{Timeout: time.Minute}, "hang", byHTTP), Keeps: invoke(Function{Timeout: time.Minute}, "context", byHTTP)},
		scfTime:           {Breaks: invoke(Function{Timeout: time.Second}, "hang", page), Keeps: invoke(Function{Timeout: time.Minute}, "context", page)},
		scfAnswerSize:     {Breaks: invoke(Function{}, "large", nil), Keeps: invoke(Function{}, "context", nil)},
		scfInit:           {Breaks: start("init-hangs"), Keeps: start("verify")},
		containerVariable: {Breaks: header(true, "WX_API_TOKEN"), Keeps: header(false, "WX_OPENID")},
	}
}

// apiRequest is a request to Tencent Cloud's API 3.0, or to the address of ours.
type apiRequest struct {
	signWith              TC3Key
	action, version, mime string
	body                  any // a string is sent as it is
	at                    time.Time
	authorization         string
}

// signRequest signs a request to scf as the SDKs do.
func (key TC3Key) signRequest(r *http.Request, body string, at time.Time) {
	r.Header.Set("X-TC-Timestamp", strconv.FormatInt(at.Unix(), 10))
	scope := []string{key.SecretID, at.UTC().Format(time.DateOnly), "scf", "tc3_request"}
	signature := key.sign(r, r.Host, []string{"content-type", "host"}, []byte(body), at.Unix(), scope)
	r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential="+strings.Join(scope, "/")+", SignedHeaders=content-type;host, Signature="+hex.EncodeToString(signature))
}

func (a apiRequest) send(t *testing.T, api http.Handler) string {
	t.Helper()
	text, isText := a.body.(string)
	if !isText {
		encoded, err := json.Marshal(a.body)
		require.NoError(t, err)
		text = string(encoded)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(text))
	r.Header.Set("Content-Type", a.mime)
	r.Header.Set("X-TC-Action", a.action)
	r.Header.Set("X-TC-Version", a.version)
	a.signWith.signRequest(r, text, a.at)
	if a.authorization != "" {
		r.Header.Set("Authorization", a.authorization)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	var answer struct {
		Response struct{ Error struct{ Code string } }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer.Response.Error.Code
}

type parameters map[string]string

func (p parameters) with(name, value string) parameters {
	changed := parameters{name: value}
	for n, v := range p {
		if n != name {
			changed[n] = v
		}
	}
	return changed
}

// scfAPICases ask Tencent Cloud's API 3.0, signed, and the address of ours.
func scfAPICases() map[*rule.Rule]ruletest.Case {
	functions := map[string]Runtime{"verify": answering("1")}
	key := TC3Key{"AKIDexample", "a secret"}
	good := parameters{"FunctionName": "verify", "ClientContext": "{}"}
	ask := func(want string, change func(a *apiRequest)) func(t *testing.T) {
		return func(t *testing.T) {
			a := apiRequest{signWith: key, action: "Invoke", version: scfAPIVersion, mime: "application/json", body: good, at: time.Now()}
			change(&a)
			assert.Equal(t, want, a.send(t, SCFAPI(functions, key)))
		}
	}
	body := func(want string, body any) func(t *testing.T) {
		return ask(want, func(a *apiRequest) { a.body = body })
	}
	ours := func(want int, environment string) func(t *testing.T) {
		return func(t *testing.T) {
			response, answer := post(t, SCFInvokeAPI(functions), invokeSCFVerify, []byte("{}"), map[string]string{"X-Scf-Environment": environment})
			assert.Equal(t, want, response.StatusCode, answer)
		}
	}
	event := func(size int) parameters { return good.with("ClientContext", `"`+strings.Repeat("x", size-2)+`"`) }
	works := body("", good)
	return map[*rule.Rule]ruletest.Case{
		scfAPIFunction:    {Breaks: body("ResourceNotFound.Function", good.with("FunctionName", "other")), Keeps: works},
		scfAPINamespace:   {Breaks: body("ResourceNotFound.Namespace", good.with("Namespace", "other")), Keeps: body("", good.with("Namespace", "default"))},
		scfAPIQualifier:   {Breaks: body("ResourceNotFound.Qualifier", good.with("Qualifier", "7")), Keeps: body("", good.with("Qualifier", "$DEFAULT"))},
		scfAPIType:        {Breaks: body("InvalidParameterValue", good.with("InvocationType", "Later")), Keeps: body("", good.with("InvocationType", "Event"))},
		scfAPILogType:     {Breaks: body("InvalidParameterValue", good.with("LogType", "Head")), Keeps: body("", good.with("LogType", "Tail"))},
		scfAPIJSON:        {Breaks: body("InvalidParameterValue", good.with("ClientContext", "{")), Keeps: works},
		scfAPIEvent:       {Breaks: body("RequestSizeLimitExceeded", event(6<<20+1)), Keeps: body("", event(6<<20))},
		scfAPIAsyncEvent:  {Breaks: body("RequestSizeLimitExceeded", event(128<<10+1).with("InvocationType", "Event")), Keeps: body("", event(128<<10).with("InvocationType", "Event"))},
		scfAPISize:        {Breaks: body("RequestSizeLimitExceeded", strings.Repeat(" ", 10<<20+1)), Keeps: works},
		scfAPIProtocol:    {Breaks: ask("UnsupportedProtocol", func(a *apiRequest) { a.mime = "text/plain" }), Keeps: works},
		scfAPIVersionRule: {Keeps: works, Breaks: ask("NoSuchVersion", func(a *apiRequest) { a.version = "2017-03-12" })},
		scfAPIAction:      {Breaks: ask("InvalidAction", func(a *apiRequest) { a.action = "DeleteFunction" }), Keeps: works},
		scfAPIForm:        {Breaks: body("InvalidParameter", `{"FunctionName":1}`), Keeps: works},
		scfAPIMissing:     {Breaks: body("MissingParameter", parameters{"ClientContext": "{}"}), Keeps: works},
		scfEnvironment:    {Breaks: ours(400, `{"A":1}`), Keeps: ours(200, `{"A":"1"}`)},

		tc3Authorization: {Breaks: ask("AuthFailure.InvalidAuthorization", func(a *apiRequest) { a.authorization = "SKIP" }), Keeps: works},
		tc3SecretID:      {Breaks: ask("AuthFailure.SecretIdNotFound", func(a *apiRequest) { a.signWith.SecretID = "AKIDother" }), Keeps: works},
		tc3Signature:     {Breaks: ask("AuthFailure.SignatureFailure", func(a *apiRequest) { a.signWith.SecretKey = "another" }), Keeps: works},
		tc3Expired: {
			Breaks: ask("AuthFailure.SignatureExpire", func(a *apiRequest) { a.at = a.at.Add(-time.Hour) }),
			Keeps:  ask("", func(a *apiRequest) { a.at = a.at.Add(-4 * time.Minute) }),
		},
	}
}
