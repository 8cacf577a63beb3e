package sandbox

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/rule"
	"sotercall/internal/dev/rule/ruletest"
	"sotercall/internal/wechat/cloudcall"
)

// TestRules breaks each rule of rules.go, where its sentence and its source are, and no
// other, and has a twin that breaks none.
func TestRules(t *testing.T) {
	cases := apiCases()
	for _, some := range []map[*rule.Rule]ruletest.Case{gatewayCases(), hostingCases()} {
		for r, c := range some {
			cases[r] = c
		}
	}
	ruletest.Run(t, &rules, cases)
}

// These pages were not to be found when they were looked for, on 30 November 2026.
func TestSourcesThatAreNotConfirmed(t *testing.T) {
	ruletest.Unconfirmed(t, &rules,
		"developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html",
		"developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getAccessToken.html",
	)
}

// A code that has no rule cannot be WeChat's answer.
func TestEveryErrcodeThatIsGivenHasARule(t *testing.T) {
	s := newSandbox(t, Options{})
	r := httptest.NewRequest(http.MethodPost, verifyPath, nil)
	assert.Panics(t, func() { s.failure(r, &apiError{code: 40014}) })
	assert.NotPanics(t, func() { s.failure(r, &apiError{code: codeNoToken}) }, "the twin")
}

// apiCases ask WeChat's HTTPS API.
func apiCases() map[*rule.Rule]ruletest.Case {
	with := func(code int, ask func(c *client) answer) func(t *testing.T) {
		return func(t *testing.T) { assert.Equal(t, code, ask(newClient(t, Options{})).code()) }
	}
	verify := func(c *client) answer { return c.verify(c.stable(false).AccessToken, demoSigned(c.t)) }
	body := func(text string) func(c *client) answer {
		return func(c *client) answer { return c.call("POST", verifyURL(c.stable(false).AccessToken), text) }
	}
	stable := func(changes ...string) func(c *client) answer {
		return func(c *client) answer {
			members := map[string]any{"grant_type": "client_credential", "appid": DefaultAppID, "secret": DefaultAppSecret}
			for i := 0; i+1 < len(changes); i += 2 {
				members[changes[i]] = changes[i+1]
			}
			return c.call("POST", stablePath, jsonOf(c.t, members))
		}
	}
	later := func(by time.Duration) func(t *testing.T) {
		return func(t *testing.T) {
			clock := newClock()
			c := newClient(t, Options{Now: clock.Now})
			token := c.stable(false).AccessToken
			clock.Advance(by)
			c.verify(token, demoSigned(t))
		}
	}
	forced := func(times int) func(t *testing.T) {
		return func(t *testing.T) {
			clock := newClock()
			c := newClient(t, Options{Now: clock.Now})
			for range times {
				c.stable(true)
				clock.Advance(31 * time.Second)
			}
		}
	}
	listed := func(path string) func(t *testing.T) {
		return func(t *testing.T) { newClient(t, Options{}).service("", path).seqID(verifyPath, demoSigned(t)) }
	}
	keeps := with(0, verify)
	fetches := with(0, stable())
	return map[*rule.Rule]ruletest.Case{
		apiRules[codeBadToken]: {Keeps: keeps, Breaks: with(codeBadToken, func(c *client) answer { return c.verify("x", demoSigned(c.t)) })},
		apiRules[codeNoToken]:  {Keeps: keeps, Breaks: with(codeNoToken, func(c *client) answer { return c.verify("", demoSigned(c.t)) })},
		apiRules[codeExpired]:  {Keeps: later(7199 * time.Second), Breaks: later(7200 * time.Second)},
		apiRules[codeBadOpenID]: {Keeps: keeps, Breaks: with(codeBadOpenID, func(c *client) answer {
			stranger := demoSigned(c.t)
			stranger.OpenID = "oNobody"
			return c.verify(c.stable(false).AccessToken, stranger)
		})},
		apiRules[codeBadURL]: {Keeps: keeps, Breaks: with(codeBadURL, func(c *client) answer {
			return c.call("POST", "/wxa/no_such_path?access_token="+url.QueryEscape(c.stable(false).AccessToken), "{}")
		})},
		apiRules[codePostRequired]: {Keeps: keeps, Breaks: with(codePostRequired, func(c *client) answer {
			return c.call("GET", verifyURL(c.stable(false).AccessToken), "")
		})},
		apiRules[codeEmptyBody]:        {Keeps: keeps, Breaks: with(codeEmptyBody, body(""))},
		apiRules[codeMalformedRequest]: {Keeps: keeps, Breaks: with(codeMalformedRequest, body("{"))},
		apiRules[codeGetRequired]: {
			Keeps:  with(0, func(c *client) answer { return c.classic() }),
			Breaks: with(codeGetRequired, func(c *client) answer { return c.call("PUT", tokenPath, "") }),
		},
		apiRules[codeBadGrantType]: {Keeps: fetches, Breaks: with(codeBadGrantType, stable("grant_type", "x"))},
		apiRules[codeBadAppID]:     {Keeps: fetches, Breaks: with(codeBadAppID, stable("appid", "wx0"))},
		apiRules[codeBadSecret]:    {Keeps: fetches, Breaks: with(codeBadSecret, stable("secret", "x"))},
		apiRules[codeNoAppID]:      {Keeps: fetches, Breaks: with(codeNoAppID, stable("appid", ""))},
		apiRules[codeNoSecret]:     {Keeps: fetches, Breaks: with(codeNoSecret, stable("secret", ""))},
		apiRules[codeDailyQuota]:   {Keeps: forced(forcedPerDay), Breaks: forced(forcedPerDay + 1)},
		apiRules[codeNotListed]:    {Keeps: listed(verifyPath), Breaks: listed("/wxa/msg_sec_check")},
		bodySize: {Keeps: keeps, Breaks: func(t *testing.T) {
			status, _, _ := newClient(t, Options{}).send("POST", verifyPath, strings.Repeat(" ", maxBody+1))
			assert.Equal(t, http.StatusRequestEntityTooLarge, status)
		}},
	}
}

// gatewayCases make Cloud Calls.
func gatewayCases() map[*rule.Rule]ruletest.Case {
	options := Options{FunctionConfig: []byte(permittedBy)}
	call := func(o Options, want string, changes ...string) func(t *testing.T) {
		return func(t *testing.T) {
			_, _, text := newClient(t, o).send("POST", adminPath, cloudForm(t, changes...), "Content-Type", cloudFormType)
			assert.Contains(t, text, want)
		}
	}
	refused := func(code int32) string { return string(cloudcall.Response{ErrorCode: code}.Marshal()) }
	struck := func(want string, fault Fault) func(t *testing.T) {
		return func(t *testing.T) {
			c := newClient(t, options)
			require.NoError(t, c.s.Inject(fault))
			_, _, text := c.send("POST", adminPath, cloudForm(t), "Content-Type", cloudFormType)
			assert.Contains(t, text, want)
		}
	}
	signed := func(t *testing.T) {
		c := newClient(t, Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey})
		_, err := c.cloudCaller(c.s.now, nil).Verify(t.Context(), demoQuestion(t))
		assert.NoError(t, err)
	}
	keeps := call(options, "is_ok")
	cases := map[*rule.Rule]ruletest.Case{
		gatewayMethod: {Keeps: keeps, Breaks: func(t *testing.T) {
			status, _, _ := newClient(t, options).send("GET", adminPath, "")
			assert.Equal(t, http.StatusMethodNotAllowed, status)
		}},
		gatewayForm: {Keeps: keeps, Breaks: func(t *testing.T) {
			_, _, text := newClient(t, options).send("POST", adminPath, "{}", "Content-Type", "text/plain")
			assert.Contains(t, text, "INVALID_COMMON_PARAM")
		}},
		gatewaySignature:  {Keeps: signed, Breaks: call(Options{CloudSecretID: cloudID, CloudSecretKey: cloudKey}, "SIGN_PARAM_INVALID")},
		gatewayAction:     {Keeps: keeps, Breaks: call(options, "INVALID_PARAM", cloudcall.FieldAction, "wx.wxPayApi")},
		gatewayNoTicket:   {Keeps: keeps, Breaks: call(options, "missing wxCloudApiToken", cloudcall.FieldAPIToken, "")},
		gatewayTicket:     {Keeps: keeps, Breaks: call(options, "INVALID_WX_ACCESS_TOKEN", cloudcall.FieldAPIToken, "made up")},
		gatewayParameters: {Keeps: keeps, Breaks: call(options, "INVALID_PARAM", cloudcall.KeyOpenID, "null")},
		gatewayAPI:        {Keeps: keeps, Breaks: call(options, refused(-604100), cloudcall.FieldAPI, "soter.verify")},
		gatewayPermission: {Keeps: keeps, Breaks: call(Options{FunctionConfig: []byte(`{}`)}, refused(-604101))},
		gatewayFresh:      {Keeps: keeps, Breaks: struck(refused(-604101), Fault{Kind: FaultPermission})},
		gatewayLate: {
			Keeps:  struck("is_ok", Fault{Kind: FaultDelay, DelayMS: 1, Path: upstreamPath}),
			Breaks: struck(refused(-604102), Fault{Kind: FaultDelay, DelayMS: 3001, Path: upstreamPath}),
		},
		gatewayBroken: {
			Keeps:  struck("is_ok", Fault{Kind: FaultBare, Path: upstreamPath}),
			Breaks: struck(refused(-604103), Fault{Kind: FaultDrop, Path: upstreamPath}),
		},
	}
	for code, c := range gatewayCodes {
		cases[c.rule] = ruletest.Case{Keeps: keeps, Breaks: struck(`"code":"`+code+`"`, Fault{Kind: FaultGateway, Code: code})}
	}
	return cases
}

// hostingCases call a container, and WeChat from a container.
func hostingCases() map[*rule.Rule]ruletest.Case {
	call := func(method string, request, response int, waits bool) func(t *testing.T) {
		return func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, response))
			}))
			defer server.Close()
			door, err := newSandbox(t, Options{}).app.CallContainer(server.URL, alice)
			require.NoError(t, err)
			ctx := t.Context()
			if waits {
				var cancel context.CancelFunc
				ctx, cancel = context.WithDeadline(ctx, time.Now().Add(-time.Second))
				defer cancel()
			}
			r := httptest.NewRequestWithContext(ctx, method, "/", strings.NewReader(strings.Repeat("x", request)))
			door.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	ask := func(isStarted bool, permitted ...string) func(t *testing.T) {
		return func(t *testing.T) {
			openAPI := newSandbox(t, Options{}).app.OpenAPIService(permitted...)
			if isStarted {
				openAPI.ContainerStarted()
			}
			r := httptest.NewRequest("POST", verifyPath, strings.NewReader(jsonOf(t, bodyOf(demoSigned(t)))))
			openAPI.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	return map[*rule.Rule]ruletest.Case{
		hostingMethod:   {Breaks: call("PATCH", 0, 0, false), Keeps: call("PUT", 0, 0, false)},
		hostingRequest:  {Breaks: call("POST", 100<<10+1, 0, false), Keeps: call("POST", 100<<10, 0, false)},
		hostingResponse: {Breaks: call("POST", 0, 1000<<10+1, false), Keeps: call("POST", 0, 1000<<10, false)},
		hostingTime:     {Breaks: call("POST", 0, 0, true), Keeps: call("POST", 0, 0, false)},
		hostingStart:    {Breaks: ask(false, "/*"), Keeps: ask(true, "/*")},
		hostingOff:      {Breaks: ask(true), Keeps: ask(true, "/*")},
	}
}

// The stand-in for SCF hands out the ticket that the sandbox takes.
func TestTicketOfTheEmulatorIsTaken(t *testing.T) {
	assert.Equal(t, emulator.Ticket, DefaultTicket)
}
