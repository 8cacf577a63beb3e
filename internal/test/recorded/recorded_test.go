package recorded

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/deploy/events"
	"sotercall/internal/challenge"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/test/hosted"
)

const verifyPath = "/cgi-bin/soter/verify_signature"

// warm records the first calls, which fetch the token.
func (f *fleet) warm(functions ...endpoint) {
	f.loosely(func() {
		for _, of := range functions {
			body := map[string]string{"verify": f.sample(), "token": `{}`, "challenge": `{"openid":"` + alice + `"}`}[of.function]
			f.ask("the first call of "+of.function, of, body)
		}
	})
}

// Every event of deploy/events, at every function.
func TestEvents(t *testing.T) {
	onEach(t, "events", []string{onLambda, onSCF}, func(f *fleet) {
		contents := f.redis()
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer})
		f.start(hosted.Ample, "verify")
		f.set(map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret})
		f.start(hosted.Ample, "token")
		f.variables = map[string]string{"CHALLENGE_SECRET": challengeSecret, "HTTP_BEARER_TOKENS": bearer}
		f.start(hosted.Ample, "challenge")
		f.warm(verify, token, issue)
		files, err := fs.Glob(events.Files, "*.json")
		require.NoError(f.t, err)
		for _, file := range files {
			event, err := events.Files.ReadFile(file)
			require.NoError(f.t, err)
			text := strings.ReplaceAll(string(event), "BEARER_TOKEN", bearer)
			for _, function := range []string{"verify", "token", "challenge"} {
				f.call(file+" at "+function, f.on[function], []byte(text), nil)
			}
		}
		contents()
	})
}

// Requests and events of which something is wrong.
func TestRefusals(t *testing.T) {
	onEach(t, "refusals", everywhere, func(f *fleet) {
		f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer})
		f.start(hosted.Ample, "verify")
		f.warm(verify)
		sample := f.sample()
		for _, c := range []struct{ name, event string }{
			{"nothing", ``}, {"null", `null`}, {"an array", `[]`}, {"no JSON", `{"openid":`}, {"a form", `openid=o&jsonString=x`},
			{"not UTF-8", "{\"openid\":\"\xff\"}"}, {"a surrogate", `{"openid":"\ud800"}`}, {"no member", `{}`},
			{"openid twice", `{"openid":"a",` + sample[1:]}, {"openid is a number", `{"openid":1}`},
			{"no openid", strings.Replace(sample, `"openid"`, `"x"`, 1)}, {"no signature", strings.Replace(sample, `"jsonSignature"`, `"x"`, 1)},
			{"snake_case", snake(sample)}, {"another call", `{"call":"openapi.soter.issueChallenge","openid":"o"}`},
			{"a purpose", `{"purpose":"pay",` + sample[1:]}, {"an app that is not served", `{"appid":"wx0123456789abcdef",` + sample[1:]},
			{"too long", `{"jsonString":"` + strings.Repeat("x", 70<<10) + `"}`}, {"too many members", `{` + strings.Repeat(`"a":1,`, 1100) + `"b":1}`},
			{"a wrong signature", strings.Replace(sample, "demo-challenge-4", "demo-challenge-5", 1)},
			{"a wrong signature, explained", `{"explain":true,` + strings.Replace(sample, "demo-challenge-4", "demo-challenge-5", 1)[1:]},
			{"a stranger", strings.Replace(sample, sandbox.DemoOpenID, "oStranger", 1)}, {"genuine", sample},
			{"an event of an unknown source", `{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}`}, {"a path alone", `{"path":"/"}`},
			{"an authorizer's event", `{"type":"TOKEN","authorizationToken":"t","methodArn":"arn:x"}`},
		} {
			f.ask(c.name, verify, c.event)
		}
		authorized := map[string]string{"authorization": "Bearer " + bearer, "content-type": "application/json"}
		for _, c := range []struct {
			name string
			request
		}{
			{"genuine, at the root", request{"POST", "/", authorized, sample}},
			{"with a slash behind", request{"POST", verify.path + "/", authorized, sample}},
			{"without a bearer token", request{"POST", verify.path, nil, sample}},
			{"with a wrong bearer token", request{"POST", verify.path, map[string]string{"authorization": "Bearer x"}, sample}},
			{"by GET", request{"GET", verify.path, authorized, ""}},
			{"at an unknown path", request{"POST", "/x", authorized, sample}},
			{"at an unknown path of WeChat's", request{"POST", "/cgi-bin/menu/get", nil, ""}},
			{"health", request{"GET", "/healthz", nil, ""}},
			{"the HTTPS Call", request{"POST", verifyPath + "?access_token=" + sandbox.EventToken, nil, snake(sample)}},
			{"the HTTPS Call, two slashes", request{"POST", "/" + verifyPath + "?access_token=" + sandbox.EventToken, nil, snake(sample)}},
			{"the HTTPS Call, wrong signature", request{"POST", verifyPath + "?access_token=" + sandbox.EventToken, nil, strings.Replace(snake(sample), "demo-challenge-4", "x", 1)}},
			{"the HTTPS Call without a token", request{"POST", verifyPath, nil, snake(sample)}},
			{"the HTTPS Call with an unknown token", request{"POST", verifyPath + "?access_token=unknown", nil, snake(sample)}},
			{"the HTTPS Call by GET", request{"GET", verifyPath + "?access_token=unknown", nil, ""}},
			{"the HTTPS Call in camelCase", request{"POST", verifyPath + "?access_token=" + sandbox.EventToken, nil, sample}},
			{"no JSON", request{"POST", "/", authorized, `{`}}, {"no body", request{"POST", "/", authorized, ``}},
			{"a body that is too long", request{"POST", "/", authorized, strings.Repeat("x", 70<<10)}},
		} {
			f.request("request: "+c.name, "verify", c.request)
		}
	})
}

const challengeSecret = "a-challenge-secret-of-the-recordings"

// Challenges, and counters that are enforced.
func TestChallenges(t *testing.T) {
	onEach(t, "challenges", everywhere, func(f *fleet) {
		contents := f.redis()
		challenges(f)
		contents()
	})
}

// The same in DynamoDB.
func TestChallengesInDynamoDB(t *testing.T) {
	onEach(t, "dynamodb", []string{onSCF}, func(f *fleet) {
		table := dynalite.Start(f.t)
		f.set(table.Environment())
		challenges(f)
		var lines []string
		for key, item := range table.Items() {
			var members []string
			for _, name := range slices.Sorted(maps.Keys(item)) {
				members = append(members, fmt.Sprintf("%s=%v", name, item[name]))
			}
			lines = append(lines, key+": "+strings.Join(members, " "))
		}
		f.sorted("DynamoDB", lines)
	})
}

func challenges(f *fleet) {
	const order, other = "pay order 2026-0042, 42.00 CNY", "pay order 2026-0043, 42.00 CNY"
	f.set(map[string]string{"HTTP_BEARER_TOKENS": bearer, "CHALLENGE_SECRET": challengeSecret, "COUNTER_POLICY": "enforce"})
	verifyAlone := f.variables
	if f.platform == onPort {
		f.start(hosted.Ample, "verify", "challenge")
	} else {
		f.variables = map[string]string{"HTTP_BEARER_TOKENS": bearer, "CHALLENGE_SECRET": challengeSecret}
		f.start(hosted.Ample, "challenge")
		f.variables = verifyAlone
		f.start(hosted.Ample, "verify")
	}
	f.loosely(func() { f.ask("a challenge that is not ours", verify, f.sample()) })
	get := func(name, event string) string { return f.member(f.ask(name, issue, event), "challenge") }
	first := get("a challenge", `{"openid":"`+alice+`"}`)
	genuine := f.signed(alice, first, nil)
	f.ask("a signature that was changed", verify, strings.Replace(genuine, `\"uid\"`, `\"uiD\"`, 1))
	f.loosely(func() { f.ask("genuine", verify, genuine) })
	f.ask("used before", verify, genuine)
	f.ask("used before, another signature", verify, f.signed(alice, first, nil))
	f.ask("another user's", verify, f.signed(bob, get("a challenge for alice", `{"openid":"`+alice+`"}`), nil))
	f.ask("unknown", verify, f.signed(alice, strings.Repeat("A", 96), nil))
	f.ask("unknown, explained", verify, `{"explain":true,`+f.signed(alice, strings.Repeat("A", 96), nil)[1:])

	issuer, err := challenge.NewIssuer([]secret.Text{secret.New(challengeSecret)}, time.Minute, func() time.Time { return time.Now().Add(-time.Hour) })
	require.NoError(f.t, err)
	expired, err := issuer.Issue(alice, "")
	require.NoError(f.t, err)
	f.ask("expired", verify, f.signed(alice, expired.Text, nil))

	withPurpose := get("a challenge for a purpose", `{"openid":"`+alice+`","purpose":"`+order+`"}`)
	f.ask("another purpose", verify, f.signed(alice, withPurpose, func(e map[string]string) { e["purpose"] = other }))
	f.ask("no purpose", verify, f.signed(alice, withPurpose, nil))
	f.ask("its purpose", verify, f.signed(alice, withPurpose, func(e map[string]string) { e["purpose"] = order }))
	f.ask("a purpose where there was none", verify,
		f.signed(alice, get("a challenge without a purpose", `{"openid":"`+alice+`"}`), func(e map[string]string) { e["purpose"] = order }))

	before := f.signed(alice, get("a challenge to answer late", `{"openid":"`+alice+`"}`), nil)
	f.ask("a later counter", verify, f.signed(alice, get("a challenge to answer first", `{"openid":"`+alice+`"}`), nil))
	f.ask("a counter that has not grown", verify, before)
	f.ask("an app that is not served", verify, f.signed(alice, first, func(e map[string]string) { e["appid"] = "wx0123456789abcdef" }))

	f.ask("issue: no openid", issue, `{}`)
	f.ask("issue: no JSON", issue, `{`)
	f.ask("issue: another call", issue, `{"call":"openapi.soter.verifySignature","openid":"o"}`)
	f.ask("issue: purpose is a number", issue, `{"openid":"o","purpose":1}`)
	f.ask("issue: openid is too long", issue, `{"openid":"`+strings.Repeat("o", 300)+`"}`)
	f.request("issue: without a bearer token", "challenge", request{"POST", issue.path, nil, `{}`})
	f.request("issue: by GET", "challenge", request{"GET", issue.path, nil, ``})
	f.request("issue: over HTTP", "challenge", request{"POST", issue.path, map[string]string{"authorization": "Bearer " + bearer}, `{"openid":"` + bob + `"}`})
}

// The calls of the token function.
func TestTokens(t *testing.T) {
	onEach(t, "tokens", everywhere, func(f *fleet) {
		contents := f.redis()
		f.set(map[string]string{"TOKEN_CLIENT_SECRETS": clientSecret, "HTTP_BEARER_TOKENS": bearer})
		f.start(hosted.Ample, "token")
		const stable, classic = "/cgi-bin/stable_token", "/cgi-bin/token"
		give := func(appID, secret, more string) string {
			return fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":%q%s}`, appID, secret, more)
		}
		var held string
		f.loosely(func() {
			held = f.member(f.request("stable_token, the first", "token", request{"POST", stable, nil, give(sandbox.DefaultAppID, clientSecret, "")}), "access_token")
		})
		for _, c := range []struct {
			name string
			request
		}{
			{"stable_token", request{"POST", stable, nil, give(sandbox.DefaultAppID, clientSecret, "")}},
			{"stable_token, wrong secret", request{"POST", stable, nil, give(sandbox.DefaultAppID, "x", "")}},
			{"stable_token, unknown app", request{"POST", stable, nil, give("wx0123456789abcdef", clientSecret, "")}},
			{"stable_token, no app", request{"POST", stable, nil, give("", clientSecret, "")}},
			{"stable_token, no secret", request{"POST", stable, nil, give(sandbox.DefaultAppID, "", "")}},
			{"stable_token, wrong grant_type", request{"POST", stable, nil, `{"grant_type":"x"}`}},
			{"stable_token, no JSON", request{"POST", stable, nil, `{`}}, {"stable_token, no body", request{"POST", stable, nil, ``}},
			{"stable_token by GET", request{"GET", stable, nil, ``}},
			{"token", request{"GET", classic + "?grant_type=client_credential&appid=" + sandbox.DefaultAppID + "&secret=" + clientSecret, nil, ``}},
			{"token, wrong secret", request{"GET", classic + "?grant_type=client_credential&appid=" + sandbox.DefaultAppID + "&secret=x", nil, ``}},
			{"token, nothing", request{"GET", classic, nil, ``}},
			{"getTokenStatus without a bearer token", request{"POST", status.path, nil, ``}},
			{"getTokenStatus with one", request{"POST", status.path, map[string]string{"authorization": "Bearer " + bearer}, ``}},
			{"an unknown path", request{"POST", "/x", nil, ``}}, {"health", request{"GET", "/healthz", nil, ``}},
		} {
			f.request(c.name, "token", c.request)
		}
		f.ask("getAccessToken", token, `{}`)
		f.ask("getAccessToken by its name", token, `{"call":"openapi.auth.getAccessToken"}`)
		f.ask("getAccessToken, unknown app", token, `{"appid":"wx0123456789abcdef"}`)
		f.ask("getAccessToken, unknown member", token, `{"x":1}`)
		f.ask("getTokenStatus", status, `{"call":"openapi.auth.getTokenStatus"}`)
		f.ask("getTokenStatus, one app", status, `{"call":"openapi.auth.getTokenStatus","appid":"`+sandbox.DefaultAppID+`"}`)
		f.ask("getTokenStatus, unknown app", status, `{"call":"openapi.auth.getTokenStatus","appid":"wx0123456789abcdef"}`)
		f.ask("getTokenStatus, unknown member", status, `{"call":"openapi.auth.getTokenStatus","x":1}`)
		if f.platform != onPort {
			f.ask("a timer", token, `{"Type":"Timer","TriggerName":"renew","Time":"2026-11-22T00:00:00Z","Message":""}`)
		}
		f.loosely(func() {
			f.wechat.RotateTokens()
			stale := fmt.Sprintf(`,"stale_token":%q`, held)
			f.request("stable_token, a stale token", "token", request{"POST", stable, nil, give(sandbox.DefaultAppID, clientSecret, stale)})
			f.request("stable_token, a stale token again", "token", request{"POST", stable, nil, give(sandbox.DefaultAppID, clientSecret, stale)})
			f.ask("getAccessToken, a stale token", token, fmt.Sprintf(`{"staleToken":%q}`, held))
			f.request("stable_token, by force", "token", request{"POST", stable, nil, give(sandbox.DefaultAppID, clientSecret, `,"force_refresh":true`)})
			f.ask("getTokenStatus after a refresh", status, `{"call":"openapi.auth.getTokenStatus"}`)
		})
		contents()
	})
}

// Several apps in one deployment.
func TestApps(t *testing.T) {
	const shop, game = "wx0123456789abcdef", "wxfedcba9876543210"
	onEach(t, "apps", everywhere, func(f *fleet) {
		f.wechat = hosted.NewSandbox(f.t, sandbox.Options{Apps: []sandbox.Credentials{
			{AppID: shop, AppSecret: "the-AppSecret-of-the-shop-00001"}, {AppID: game, AppSecret: "the-AppSecret-of-the-game-00001"},
		}})
		ca := f.variables["SSL_CERT_FILE"]
		f.variables = map[string]string{
			"WECHAT_API_BASE": f.wechat.URL, "SSL_CERT_FILE": ca, "HTTP_BEARER_TOKENS": bearer,
			"WECHAT_APPS": fmt.Sprintf(`{"apps":{%q:{"secret":"the-AppSecret-of-the-shop-00001"},%q:{"secret":"the-AppSecret-of-the-game-00001"}},
				"clients":{"shop-backend":{"secrets":["the-client-secret-of-the-shop-backend"],"apps":[%q]}}}`, shop, game, shop),
		}
		contents := f.redis()
		f.start(hosted.Ample, "verify", "token")
		app, err := f.wechat.App(shop)
		require.NoError(f.t, err)
		phone, err := app.Phone(alice, sandbox.Huawei)
		require.NoError(f.t, err)
		signed, err := phone.Sign("challenge")
		require.NoError(f.t, err)
		about := func(appID string) string {
			return `{"appid":"` + appID + `",` + string(hosted.JSON(f.t, signed))[1:]
		}
		f.loosely(func() {
			f.ask("the shop's user", verify, about(shop))
			f.ask("the shop's user at the game", verify, about(game))
			f.ask("the game's token", token, `{"appid":"`+game+`"}`)
			f.request("the shop's token, for its client", "token", request{"POST", "/cgi-bin/stable_token", nil,
				`{"grant_type":"client_credential","appid":"` + shop + `","secret":"the-client-secret-of-the-shop-backend"}`})
		})
		f.ask("no app", verify, string(hosted.JSON(f.t, signed)))
		f.ask("an unknown app", verify, about("wx00000000000000000"))
		f.request("the game's token, for the shop's client", "token", request{"POST", "/cgi-bin/stable_token", nil,
			`{"grant_type":"client_credential","appid":"` + game + `","secret":"the-client-secret-of-the-shop-backend"}`})
		f.ask("no app's token", token, `{}`)
		f.ask("an unknown app's token", token, `{"appid":"wx00000000000000000"}`)
		f.ask("the status of both", status, `{"call":"openapi.auth.getTokenStatus"}`)
		if f.platform != onPort {
			f.ask("a timer", token, `{"Type":"Timer","TriggerName":"renew","Time":"2026-11-22T00:00:00Z","Message":""}`)
		}
		contents()
	})
}

// refusing returns the address of a server that refuses connections.
func refusing() string {
	server := httptest.NewServer(nil)
	server.Close()
	return server.URL
}
