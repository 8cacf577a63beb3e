package doctor

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// event is deploy/events/direct.json, copied because the image is built without that
// folder.
//
//go:embed event.json
var event []byte

// recorded returns the request in event. A phone of the sandbox has signed it, for a user
// that WeChat does not know.
func recorded(appID string) openapi.Request {
	var q struct{ OpenID, JSONString, JSONSignature string }
	_ = json.Unmarshal(event, &q, json.MatchCaseInsensitiveNames(true)) // a test reads it
	return openapi.Request{AppID: appID, OpenID: q.OpenID, JSONString: q.JSONString, JSONSignature: q.JSONSignature}
}

// apps tries the credentials and the rights of each app.
func (e *examination) apps(ctx context.Context) {
	for i, app := range e.Apps {
		if i == maxApps {
			e.skip("apps", fmt.Sprintf("%d more are not tried", len(e.Apps)-maxApps), "")
			return
		}
		name := app.ID
		if len(e.Apps) == 1 {
			name = "app"
		}
		if !e.reachable {
			e.skip(name+": token", "not tried without a connection", "")
			continue
		}
		grant, err := step(ctx, func(ctx context.Context) (accesstoken.Grant, error) {
			return app.Tokens.Fetch(ctx, accesstoken.FetchRequest{})
		})
		if err != nil {
			text, do := explainToken(err, app)
			e.fail(name+": token", text, do)
			if app.Verifier != nil {
				e.skip(name+": permission", "not tried without a token", "")
			}
			continue
		}
		text := fmt.Sprintf("WeChat accepts AppID and AppSecret; the access_token is good for "+
			"%v", grant.ExpiresIn)
		switch {
		case app.ByFunction:
			text = fmt.Sprintf("the token server accepts the client secret; the access_token is "+
				"good for %v", grant.ExpiresIn)
		case app.Classic:
			text += " (a stable one: a classic one would retire the one in use)"
		}
		e.ok(name+": token", text)
		if app.Verifier != nil {
			e.verify(ctx, name+": permission", "WeChat", app.Verifier(fixed{grant.Value}), app.ID)
		}
	}
}

// fixed is the Source of a token that is not replaced.
type fixed struct{ value secret.Text }

func (f fixed) Token(context.Context) (accesstoken.Token, error) {
	return accesstoken.Token{Value: f.value, Expires: time.Now().Add(time.Hour)}, nil
}

func (fixed) Replace(context.Context, secret.Text, accesstoken.Why) (accesstoken.Token, error) {
	return accesstoken.Token{}, accesstoken.ErrStale
}

func (fixed) Accepted(secret.Text) {}

func (fixed) Refused(secret.Text) (why accesstoken.Why, isNew bool) {
	return accesstoken.Refused, false
}

// judge tries a verifier that needs no token of ours.
func (e *examination) judge(ctx context.Context) {
	const name = "permission"
	switch {
	case e.Judge == nil:
	case e.InvocationOnly && !e.inInvocation:
		e.skip(name, "only an invocation can try it: the platform gives it the ticket, or the "+
			"token",
			`invoke the deployed function with {"call":"check"}, by a backend: not from a page, nor from another function`)
	case len(e.API) > 0 && !e.reachable:
		e.skip(name, "not tried without a connection", "")
	default:
		e.verify(ctx, name, e.JudgedBy, e.Judge, "")
	}
}

// verify has the recorded event verified.
func (e *examination) verify(ctx context.Context, name, by string, verifier openapi.Verifier, appID string) {
	verdict, err := step(ctx, func(ctx context.Context) (openapi.Verdict, error) { return verifier.Verify(ctx, recorded(appID)) })
	if err == nil && verdict.IsGenuine() {
		e.ok(name, by+" finds the sandbox's event genuine: this is a sandbox")
		return
	}
	if err == nil {
		e.ok(name, by+" answers for an invented user: isOk is false")
		return
	}
	refusal := openapi.AsError(err)
	switch refusal.Code {
	case openapi.CodeInvalidOpenID:
		e.ok(name, by+" answers 40003 for an invented user, as where everything works")
	case openapi.CodeTimeout:
		e.fail(name, "no answer in time", letOut)
	default:
		text := withCode(refusal.Code, refusal.Message)
		if cause := errors.Unwrap(refusal); cause != nil && refusal.Code == openapi.CodeSystem {
			text += ": " + cause.Error() // an operator may read it, as in the log
		}
		e.fail(name, text, adviceFor(refusal.Code))
	}
}

// explainToken returns why there is no token, and what to do.
func explainToken(err error, app App) (text, do string) {
	refusal, refused := errors.AsType[*accesstoken.Refusal](err)
	switch {
	case !refused && errors.Is(err, context.DeadlineExceeded):
		return "no answer in time", letOut
	case !refused:
		return err.Error(), "look whether a portal or a proxy answers in place of the server, " +
			"and at WECHAT_API_BASE and WECHAT_TOKEN_BASE"
	}
	text = withCode(refusal.ErrCode, refusal.ErrMsg)
	if app.ByFunction {
		switch refusal.ErrCode {
		case openapi.CodeInvalidSecret, openapi.CodeInvalidToken, openapi.CodeInvalidAppID:
			return text, "the secret must be one that the token server gives this client, with " +
				"rights to this app: TOKEN_CLIENT_SECRETS, or clients in its WECHAT_APPS"
		}
		return text, "the token server passes on what WeChat tells it: run the check there. " +
			"" + adviceFor(refusal.ErrCode)
	}
	switch refusal.ErrCode {
	case openapi.CodeInvalidSecret, openapi.CodeInvalidToken:
		return text, "compare WECHAT_APPSECRET (or the app's secret in WECHAT_APPS) with " +
			"WeChat's console: 开发管理, 开发设置, AppSecret. A reset there ends the old one"
	case openapi.CodeInvalidAppID:
		return text, "compare WECHAT_APPID (or the app's name in WECHAT_APPS) with WeChat's " +
			"console: 开发管理, 开发设置, AppID"
	case codeNotListed:
		return text, "enter " + addressIn(refusal.ErrMsg) + " in WeChat's console: 开发管理, 开发设置, " +
			"IP白名单. It must be a fixed address: without a NAT gateway it changes"
	}
	return text, adviceFor(refusal.ErrCode)
}

// codeNotListed says that our IP address is not on the allow-list.
const codeNotListed = 40164

// addressIn returns the address that WeChat's refusal names ("invalid ip 203.0.113.7 ipv6
// ::ffff:203.0.113.7, not in whitelist rid: …").
func addressIn(errMsg string) string {
	for _, word := range strings.FieldsFunc(errMsg, func(c rune) bool { return c == ' ' || c == ',' }) {
		if address, err := netip.ParseAddr(word); err == nil {
			return address.Unmap().String()
		}
	}
	return "the function's egress address"
}

// withCode puts the code before a message without one.
func withCode(code int, message string) string {
	if number := fmt.Sprint(code); !strings.Contains(message, number) {
		return number + " " + message
	}
	return message
}

// link matches a link of Markdown, as in the table of codes.
var link = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`) })

// adviceFor returns the advice of the table of codes.
func adviceFor(code int) string {
	known := openapi.LookUp(code)
	if known.Do == "" {
		return "look the code up in WeChat's documentation of soter.verifySignature and " +
			"getStableAccessToken"
	}
	advice := known.Do
	if known.Meaning != "" {
		advice = known.Meaning + ": " + advice
	}
	return strings.ReplaceAll(link().ReplaceAllString(advice, "$1 (docs/$2)"), "`", "")
}
