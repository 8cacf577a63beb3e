package openapitest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
	"sotercall/internal/test/hosted"
)

const (
	document     = "../../deploy/openapi.yaml"
	bearerToken  = "a-bearer-token-of-the-test-000000"
	clientSecret = "a-client-secret-of-the-test-00000"

	cloudCall = "/openapi/soter/verifySignature"
	httpsCall = "/cgi-bin/soter/verify_signature"
	issue     = "/openapi/soter/issueChallenge"
	classic   = "/cgi-bin/token"
	stable    = "/cgi-bin/stable_token"
	tokens    = "/openapi/auth/getTokenStatus"
	health    = "/healthz"
)

type object = map[string]any

func load(t *testing.T) *openapi3.T {
	t.Helper()
	description, err := openapi3.NewLoader().LoadFromFile(document)
	require.NoError(t, err)
	require.NoError(t, description.Validate(t.Context(), openapi3.EnableExamplesValidation()))
	return description
}

// doors are the functions behind one base URL, and what the document says of them.
type doors struct {
	base    string
	sandbox hosted.Sandbox
	router  routers.Router
}

// usual is the time that an invocation has.
const usual = 10 * time.Second

// open deploys the functions. The document has to fit them whatever their settings are.
func open(t *testing.T, settings map[string]string, timeout time.Duration) *doors {
	t.Helper()
	d := &doors{sandbox: hosted.NewSandbox(t, sandbox.Options{})}
	mux := http.NewServeMux()
	d.base = hosted.Serve(t, mux)
	log := &hosted.Log{}
	token := hosted.SCF(t, "token", hosted.With(hosted.With(d.sandbox.Variables(), map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret}), settings), usual, log)
	verify := hosted.SCF(t, "verify", hosted.With(hosted.With(d.sandbox.Variables(),
		map[string]string{"WECHAT_APPSECRET": clientSecret, "WECHAT_TOKEN_BASE": d.base}), settings), timeout, log)
	challenge := hosted.SCF(t, "challenge", hosted.With(map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)}, settings), timeout, log)
	for path, function := range map[string]emulator.Runtime{cloudCall: verify, httpsCall: verify, issue: challenge, classic: token, stable: token, tokens: token} {
		mux.Handle(path, emulator.HTTPAPI(function))
	}
	d.describe(t)
	return d
}

// hostingUser is who comes through the gateway of Cloud Hosting.
const hostingUser = "oUser_000000000000000000001"

// openHosting runs the service as WeChat Cloud Hosting does, behind its gateway.
func openHosting(t *testing.T, settings map[string]string) *doors {
	t.Helper()
	d := &doors{sandbox: hosted.NewSandbox(t, sandbox.Options{})}
	gateway, err := hosted.Container(t, d.sandbox, settings, usual, &hosted.Log{}).CallContainer(hostingUser)
	require.NoError(t, err)
	d.base = hosted.Serve(t, gateway)
	d.describe(t)
	return d
}

// describe reads the document, for where the doors are.
func (d *doors) describe(t *testing.T) {
	t.Helper()
	description := load(t)
	description.Servers = openapi3.Servers{{URL: d.base}}
	var err error
	d.router, err = gorillamux.NewRouter(description)
	require.NoError(t, err)
}

// asks sends a request. It returns the answer, with which the document must find
// nothing wrong, and what the document finds wrong with the request.
func (d *doors) asks(t *testing.T, method, path, token, body string) (status int, answer string, wrong error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, d.base+path, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	route, parameters, err := d.router.FindRoute(request)
	require.NoError(t, err)
	input := &openapi3filter.RequestValidationInput{
		Request: request, Route: route, PathParams: parameters,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	wrong = openapi3filter.ValidateRequest(t.Context(), input)
	request.Body = io.NopCloser(strings.NewReader(body))
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.NoError(t, openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(content)), Options: input.Options,
	}), "%s", content)
	return response.StatusCode, string(content), wrong
}

func text(t *testing.T, v any) string {
	t.Helper()
	return string(hosted.JSON(t, v))
}

// question is what a phone has signed, in the spelling of a path.
func (d *doors) question(t *testing.T, path string) object {
	t.Helper()
	phone, err := d.sandbox.Phone("oUser_000000000000000000001", sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign("a-challenge-of-the-test")
	require.NoError(t, err)
	if path == httpsCall {
		return object{"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature}
	}
	return object{"openid": signed.OpenID, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
}

func with(question object, name string, value any) object {
	changed := object{}
	for n, v := range question {
		changed[n] = v
	}
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

// TestExamplesAreTheEvents: what a reader copies from the document verifies.
func TestExamplesAreTheEvents(t *testing.T) {
	signed := hosted.Sample(t)
	for path, want := range map[string]object{
		cloudCall: {"openid": signed.OpenID, "jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature},
		httpsCall: {"openid": signed.OpenID, "json_string": signed.JSONString, "json_signature": signed.JSONSignature},
	} {
		example := load(t).Paths.Value(path).Post.RequestBody.Value.Content["application/json"].Examples["signed"].Value.Value
		assert.Equal(t, want, example, "%s: take it from deploy/events/direct.json", path)
	}
}

// TestQuestions asks both forms of the call what is right and what is wrong: the
// document and the function must agree which is which.
func TestQuestions(t *testing.T) {
	d := open(t, map[string]string{"HTTP_BEARER_TOKENS": bearerToken}, usual)
	for _, path := range []string{cloudCall, httpsCall} {
		names := [2]string{"jsonString", "jsonSignature"}
		yes := hosted.Verified
		target := path
		if path == httpsCall {
			names = [2]string{"json_string", "json_signature"}
			yes = `{"errcode":0,"errmsg":"ok","is_ok":true}`
			target += "?access_token=" + hosted.StableToken(t, d.base, sandbox.DefaultAppID, clientSecret)
		}
		no := strings.Replace(yes, "true", "false", 1)
		good := d.question(t, path)
		tampered := strings.Replace(good[names[0]].(string), "counter", "c0unter", 1)
		for name, c := range map[string]struct {
			question object
			answer   string // "" if the question is wrong
			depends  bool   // wrong only where no gateway names the user, which the document cannot tell
		}{
			"genuine":                  {good, yes, false},
			"the app":                  {with(good, "appid", sandbox.DefaultAppID), yes, false},
			"an AppID too long":        {with(good, "appid", strings.Repeat("w", openapi.MaxAppID+1)), "", false},
			"an AppID that is none":    {with(good, "appid", 7), "", false},
			"a field that nobody asks": {with(good, "userInfo", object{"openId": "o"}), yes, false},
			"tampered":                 {with(good, names[0], tampered), no, false},
			"no openid":                {with(good, "openid", nil), "", path == cloudCall},
			"an openid too long":       {with(good, "openid", strings.Repeat("o", openapi.MaxOpenID+1)), "", false},
			"no text":                  {with(good, names[0], nil), "", false},
			"an empty text":            {with(good, names[0], ""), "", false},
			"the text parsed":          {with(good, names[0], object{"raw": "a"}), "", false},
			"the text too long":        {with(good, names[0], "{"+strings.Repeat(" ", openapi.MaxJSONString)), "", false},
			"no signature":             {with(good, names[1], nil), "", false},
			"a blank for a plus":       {with(good, names[1], " "+good[names[1]].(string)[1:]), "", false},
			"URL-safe base64":          {with(good, names[1], "-_"+good[names[1]].(string)[2:]), "", false},
			"a signature too long":     {with(good, names[1], strings.Repeat("A", openapi.MaxJSONSignature+1)), "", false},
		} {
			_, answer, wrong := d.asks(t, http.MethodPost, target, bearerToken, text(t, c.question))
			if c.answer != "" {
				assert.NoError(t, wrong, "%s %s", path, name)
				assert.JSONEq(t, c.answer, answer, "%s %s", path, name)
				continue
			}
			assert.Equal(t, !c.depends, wrong != nil, "%s %s", path, name)
			assert.Contains(t, answer, "-501007", "%s %s", path, name)
		}
		for _, body := range []string{"", "null", "[]", "{", text(t, "text")} {
			_, answer, wrong := d.asks(t, http.MethodPost, target, bearerToken, body)
			assert.Error(t, wrong, body)
			assert.Contains(t, answer, "-501007", body)
		}
	}
}

// TestAPageInCloudHosting leaves the user out, as the document allows there.
func TestAPageInCloudHosting(t *testing.T) {
	d := openHosting(t, map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)})
	status, answer, wrong := d.asks(t, http.MethodPost, issue, "", "{}")
	require.NoError(t, wrong)
	require.Equal(t, 200, status, answer)
	var issued struct {
		Challenge string `json:"challenge"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &issued))
	phone, err := d.sandbox.Phone(hostingUser, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign(issued.Challenge)
	require.NoError(t, err)
	question := object{"jsonString": signed.JSONString, "jsonSignature": signed.JSONSignature}
	status, answer, wrong = d.asks(t, http.MethodPost, cloudCall, "", text(t, with(question, "openid", "oAnother")))
	assert.NoError(t, wrong)
	assert.Equal(t, 403, status)
	assert.Contains(t, answer, "-604104", "nobody else's")
	_, answer, wrong = d.asks(t, http.MethodPost, cloudCall, "", text(t, question))
	assert.NoError(t, wrong)
	assert.JSONEq(t, hosted.Verified, answer)
}

// TestStatuses sees each status of the document.
func TestStatuses(t *testing.T) {
	d := open(t, map[string]string{"HTTP_BEARER_TOKENS": bearerToken}, usual)
	closed := open(t, nil, usual)
	hosting := openHosting(t, map[string]string{"CHALLENGE_SECRET": strings.Repeat("c", 32)})
	broken := openHosting(t, map[string]string{"CHALLENGE_SECRET": "short"})
	hasty := open(t, map[string]string{"HTTP_BEARER_TOKENS": bearerToken}, time.Second)
	seen := map[string]map[int]bool{cloudCall: {}, issue: {}, httpsCall: {}, classic: {}, stable: {}, tokens: {}, health: {}}
	asks := func(d *doors, method, path, token, body string, want int, part string) {
		t.Helper()
		status, answer, _ := d.asks(t, method, path, token, body)
		assert.Equal(t, want, status, answer)
		assert.Contains(t, answer, part)
		path, _, _ = strings.Cut(path, "?")
		seen[path][status] = true
	}
	post := http.MethodPost
	question := text(t, d.question(t, cloudCall))
	long := strings.Repeat(" ", openapi.MaxBody+1)
	strike := func(d *doors, f sandbox.Fault) {
		f.Path = httpsCall
		d.sandbox.ClearFaults()
		require.NoError(t, d.sandbox.Inject(f))
	}
	asks(d, post, cloudCall, bearerToken, question, 200, `"isOk":true`)
	asks(d, post, cloudCall, bearerToken, "{}", 400, "-501007")
	asks(d, post, cloudCall, "wrong", question, 401, "-604101")
	asks(d, post, cloudCall, "", question, 401, "-604101")
	asks(closed, post, cloudCall, bearerToken, question, 403, "-604101")
	asks(d, post, cloudCall, bearerToken, long, 413, "-501007")
	strike(d, sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 40003})
	asks(d, post, cloudCall, bearerToken, question, 400, `"errCode":40003`)
	strike(d, sandbox.Fault{Kind: sandbox.FaultHTML})
	asks(d, post, cloudCall, bearerToken, question, 502, "-604103")
	strike(hasty, sandbox.Fault{Kind: sandbox.FaultDelay, DelayMS: 60_000})
	asks(hasty, post, cloudCall, bearerToken, question, 504, "-604102")

	asks(d, post, issue, bearerToken, `{"openid":"oUser"}`, 200, `"challenge":"`)
	asks(d, post, issue, bearerToken, `{}`, 400, "-501007")
	asks(d, post, issue, bearerToken, `[`, 400, "-501007")
	asks(d, post, issue, "", `{"openid":"oUser"}`, 401, "-604101")
	asks(closed, post, issue, bearerToken, `{"openid":"oUser"}`, 403, "-604101")
	asks(d, post, issue, bearerToken, long, 413, "-501007")
	unconfigured := open(t, map[string]string{"CHALLENGE_SECRET": "short", "HTTP_AUTH": "platform", "TOKEN_CLIENT_SECRETS": "short"}, usual)
	asks(unconfigured, post, issue, "", `{"openid":"oUser"}`, 502, "-604103")

	asks(hosting, http.MethodGet, health, "", "", 200, "")
	asks(broken, http.MethodGet, health, "", "", 503, "CHALLENGE_SECRET")

	asks(d, post, httpsCall, "", question, 200, "41001")
	asks(d, post, httpsCall+"?access_token=wrong", "", question, 200, "40001")

	asks(d, http.MethodGet, classic+"?grant_type=client_credential&appid="+sandbox.DefaultAppID+"&secret="+clientSecret, "", "", 200, `"access_token":"`)
	asks(d, http.MethodGet, classic+"?grant_type=client_credential&appid="+sandbox.DefaultAppID+"&secret=wrong", "", "", 200, "40125")
	asks(d, http.MethodGet, classic, "", "", 200, "40002")
	credentials := object{"grant_type": "client_credential", "appid": sandbox.DefaultAppID, "secret": clientSecret}
	asks(d, post, stable, "", text(t, credentials), 200, `"access_token":"`)
	asks(d, post, stable, "", text(t, with(credentials, "force_refresh", true)), 200, `"`)
	asks(d, post, stable, "", text(t, with(credentials, "secret", nil)), 200, "41004")
	asks(d, post, stable, "", text(t, with(credentials, "appid", "wx0000000000000000")), 200, "40013")
	asks(d, post, stable, "", "", 200, "44002")
	asks(d, post, stable, "", "{", 200, "47001")

	asks(d, post, tokens, bearerToken, "", 200, `"expiresAt":"`)
	asks(d, post, tokens, bearerToken, text(t, object{"appid": sandbox.DefaultAppID}), 200, `"forcedRefreshesLeft":`)
	asks(d, post, tokens, bearerToken, text(t, object{"appid": "wx0000000000000000"}), 400, "-501007")
	asks(d, post, tokens, clientSecret, "", 401, "-604101")
	asks(closed, post, tokens, bearerToken, "", 403, "-604101")
	asks(d, post, tokens, bearerToken, long, 413, "-501007")
	asks(unconfigured, post, tokens, "", "", 502, "-604103")

	for path, item := range load(t).Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				code := map[string]int{"200": 200, "400": 400, "401": 401, "403": 403, "413": 413, "502": 502, "503": 503, "504": 504}[status]
				assert.True(t, seen[path][code], "%s %s: no answer with %s", method, path, status)
			}
		}
	}
}

// TestTheDocumentFindsWrongAnswers is the twin of every answer above.
func TestTheDocumentFindsWrongAnswers(t *testing.T) {
	operation := load(t).Paths.Value(cloudCall).Post
	for body, right := range map[string]bool{
		hosted.Verified: true,
		`{"isOk":"true","errMsg":"openapi.soter.verifySignature:ok","errCode":0}`:               false,
		`{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":1}`:                 false,
		`{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok"}`:                             false,
		`{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0,"secret":"tell"}`: false,
	} {
		var value any
		require.NoError(t, json.Unmarshal([]byte(body), &value))
		schema := operation.Responses.Value("200").Value.Content["application/json"].Schema.Value
		err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020())
		assert.Equal(t, right, err == nil, "%s: %v", body, err)
	}
}
