package recorded

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/hosted"
)

// always is how often a fault strikes until there are none.
const always = 0

// What goes wrong at WeChat when it is asked to verify. An instance has eight retries.
func TestFailingVerifications(t *testing.T) {
	onEach(t, "verifications", everywhere, func(f *fleet) {
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer})
		const words = "said by the recordings rid: 6710cf5d-1e8a0cf5-6e0f36c4"
		for _, instance := range [][]struct {
			name  string
			fault sandbox.Fault
		}{
			{
				{"busy twice", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: -1, Times: 2}},
				{"busy", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: -1, ErrMsg: words, Times: always}},
				{"not granted", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 48001, ErrMsg: words, Times: always}},
				{"quota", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 45009, ErrMsg: words, Times: always}},
				{"wrong AppID", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 40013, Times: always}},
				{"none goes wrong", sandbox.Fault{}},
			}, {
				{"a token that was replaced", sandbox.Fault{Kind: sandbox.FaultRotate, Times: 1}},
				{"each token is refused", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 40001, ErrMsg: words, Times: always}},
				{"each token has expired", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 42001, ErrMsg: words, Times: always}},
				{"none goes wrong", sandbox.Fault{}},
			}, {
				{"a web page", sandbox.Fault{Kind: sandbox.FaultHTML, Times: always}},
				{"HTTP 500", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500, Times: always}},
			}, {
				{"nonsense", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"errcode":0}`, Times: always}},
				{"HTTP 404", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 404, Times: always}},
				{"without errcode", sandbox.Fault{Kind: sandbox.FaultBare, Times: always}},
			},
		} {
			f.start(hosted.Ample, "verify")
			f.warm(verify)
			for _, c := range instance {
				c.fault.Path = verifyPath
				f.fault(c.fault)
				f.loosely(func() { f.ask(c.name, verify, f.sample()) })
				f.fault(sandbox.Fault{})
			}
		}
	})
}

// What goes wrong at WeChat when it is asked for a token. On SCF nothing is fetched before
// the first call, so that each failure meets just that.
func TestFailingTokens(t *testing.T) {
	onEach(t, "tokenfailures", []string{onSCF}, func(f *fleet) {
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer, "TOKEN_CLIENT_SECRETS": clientSecret})
		for _, errCode := range []int{40001, 40013, 40125, 45009, 45011, -1, 40164, 48001, 50002} {
			fault := sandbox.Fault{Path: "/cgi-bin/stable_token", Kind: sandbox.FaultErrCode, ErrCode: errCode, Times: always}
			f.fault(fault)
			delete(f.variables, "TOKEN_CLIENT_SECRETS")
			f.start(hosted.Ample, "verify")
			f.set(map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret})
			f.start(hosted.Ample, "token")
			f.ask(fmt.Sprintf("%d: verify", errCode), verify, f.sample())
			f.ask(fmt.Sprintf("%d: getAccessToken", errCode), token, `{}`)
			f.request(fmt.Sprintf("%d: stable_token", errCode), "token", request{"POST", "/cgi-bin/stable_token", nil,
				fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q}`, sandbox.DefaultAppID, clientSecret)})
			f.ask(fmt.Sprintf("%d: getTokenStatus", errCode), status, `{"call":"openapi.auth.getTokenStatus"}`)
		}
	})
}

// WeChat does not answer, or nothing listens there.
func TestWeChatIsAway(t *testing.T) {
	onEach(t, "away", everywhere, func(f *fleet) {
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer})
		f.start(4*time.Second, "verify")
		f.warm(verify)
		f.fault(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultDelay, DelayMS: 60_000})
		f.ask("silent", verify, f.sample())
		f.fault(sandbox.Fault{})
		if f.platform == onSCF { // where nothing is fetched before the call
			f.set(map[string]string{"WECHAT_API_BASE": refusing()})
			f.start(hosted.Ample, "verify")
			f.ask("nothing listens", verify, f.sample())
		}
	})
}

// The store is away.
func TestStoreIsAway(t *testing.T) {
	onEach(t, "nostore", []string{onSCF}, func(f *fleet) {
		f.set(map[string]string{
			"HTTP_BEARER_TOKENS": bearer, "CHALLENGE_SECRET": challengeSecret, "COUNTER_POLICY": "enforce", "TOKEN_CLIENT_SECRETS": clientSecret,
			"REDIS_URL": strings.Replace(refusing(), "http", "redis", 1),
		})
		f.start(hosted.Ample, "verify", "token")
		f.variables = map[string]string{"CHALLENGE_SECRET": challengeSecret}
		f.start(hosted.Ample, "challenge")
		issued := f.member(f.ask("a challenge", issue, `{"openid":"`+alice+`"}`), "challenge")
		f.ask("genuine", verify, f.signed(alice, issued, nil))
		f.ask("getAccessToken", token, `{}`)
		f.ask("getTokenStatus", status, `{"call":"openapi.auth.getTokenStatus"}`)
	})
}

// A configuration that cannot work.
func TestWrongConfiguration(t *testing.T) {
	onEach(t, "configuration", everywhere, func(f *fleet) {
		f.variables = map[string]string{"WECHAT_APPID": "your-appid", "HTTP_AUTH": "x", "CHALLENGE_SECRET": "short", "TOKEN_CLIENT_SECRETS": "short"}
		f.start(hosted.Ample, "verify", "token", "challenge")
		f.ask("verify", verify, f.sample())
		f.ask("getAccessToken", token, `{}`)
		f.ask("issueChallenge", issue, `{}`)
		f.request("over HTTP", "verify", request{"POST", "/", nil, f.sample()})
		f.request("the HTTPS Call", "verify", request{"POST", verifyPath, nil, f.sample()})
		f.request("health", "verify", request{"GET", "/healthz", nil, ``})
		if f.platform != onPort {
			f.ask("a timer", token, `{"Type":"Timer","TriggerName":"renew","Time":"2026-11-22T00:00:00Z","Message":""}`)
		}
	})
}

// Who calls, as CloudBase says it; and an event's headers, which anybody writes.
func TestCallers(t *testing.T) {
	onEach(t, "callers", []string{onSCF}, func(f *fleet) {
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer})
		f.start(hosted.Ample, "verify")
		f.set(map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret})
		f.start(hosted.Ample, "token")
		f.variables = map[string]string{"CHALLENGE_SECRET": challengeSecret}
		f.start(hosted.Ample, "challenge")
		f.warm(verify, token)
		timer := `{"Type":"Timer","TriggerName":"renew","Time":"2026-11-22T00:00:00Z","Message":""}`
		for _, c := range []struct {
			name        string
			environment map[string]string
		}{
			{"a page of the user", hosted.PageCaller(sandbox.DemoOpenID)},
			{"a page of another user", hosted.PageCaller(alice)},
			{"a page of another app", map[string]string{"WX_OPENID": sandbox.DemoOpenID, "WX_APPID": "wx0123456789abcdef", "TCB_SOURCE": "wx_client"}},
			{"a function", map[string]string{"TCB_SOURCE": "scf"}},
			{"a timer", map[string]string{"TCB_SOURCE": "wx_trigger"}},
			{"a visitor", map[string]string{"TCB_SOURCE": "web_client", "TCB_UUID": "u"}},
			{"nobody known", map[string]string{"TCB_ENV": "e"}},
			{"a user of an app that shares the environment", map[string]string{"WX_FROM_OPENID": alice, "TCB_SOURCE": "scf"}},
		} {
			f.call("verify by "+c.name, f.on["verify"], []byte(f.sample()), c.environment)
			f.call("getAccessToken by "+c.name, f.on["token"], []byte(`{}`), c.environment)
			f.call("issueChallenge by "+c.name, f.on["challenge"], []byte(`{"openid":"`+sandbox.DemoOpenID+`"}`), c.environment)
			f.call("a timer's event by "+c.name, f.on["token"], []byte(timer), c.environment)
			over := request{"POST", "/", map[string]string{"authorization": "Bearer " + bearer}, f.sample()}
			f.call("over HTTP by "+c.name, f.on["verify"], over.event(f.t), c.environment)
		}
	})
}

// Who calls, as WeChat Cloud Hosting says it in headers.
func TestCallersInHeaders(t *testing.T) {
	onEach(t, "hosting", []string{onPort, onSCF}, func(f *fleet) {
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer, "HTTP_AUTH": "wechat", "CHALLENGE_SECRET": challengeSecret})
		f.start(hosted.Ample, "verify")
		sample := f.sample()
		f.loosely(func() {
			f.request("the user", "verify", request{"POST", "/", map[string]string{"X-WX-OPENID": sandbox.DemoOpenID}, sample})
			f.request("another user", "verify", request{"POST", "/", map[string]string{"X-WX-OPENID": alice}, sample})
			f.request("the user, with a bearer token", "verify", request{"POST", "/", map[string]string{"X-WX-OPENID": alice, "Authorization": "Bearer " + bearer}, sample})
			f.request("a backend", "verify", request{"POST", "/", map[string]string{"Authorization": "Bearer " + bearer}, sample})
			f.request("nobody", "verify", request{"POST", "/", nil, sample})
		})
	})
}

// Verifiers beside WeChat.
func TestOtherVerifiers(t *testing.T) {
	onEach(t, "verifiers", []string{onSCF}, func(f *fleet) {
		f.variables = map[string]string{"SOTER_VERIFIER": "cloudcall", "SSL_CERT_FILE": f.variables["SSL_CERT_FILE"]}
		f.start(hosted.Ample, "verify")
		page := hosted.PageCaller(sandbox.DemoOpenID)
		page["TCB_CONTEXT_CNFG"] = `{"URL":"` + f.wechat.URL + `/admin"}`
		page["TENCENTCLOUD_SECRETID"], page["TENCENTCLOUD_SECRETKEY"] = "any", "any"
		f.loosely(func() {
			f.call("a Cloud Call", f.on["verify"], []byte(f.sample()), page)
			f.fault(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: 48001, Times: 1})
			f.call("a Cloud Call that is not granted", f.on["verify"], []byte(f.sample()), page)
			page["TCB_SOURCE"] = "wx_client,scf"
			f.call("a Cloud Call without a ticket", f.on["verify"], []byte(f.sample()), page)
		})

		f.variables = map[string]string{"SOTER_VERIFIER": "local"}
		contents := f.redis()
		f.start(hosted.Ample, "verify")
		f.ask("no such key", verify, f.sample())
		f.ask("an enrolment that cannot be read", verify, `{"call":"openapi.soter.enrollAuthKey","openid":"o"}`)
		contents()
	})
}
