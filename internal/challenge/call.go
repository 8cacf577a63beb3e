package challenge

import (
	"bytes"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/openapi"
)

// IssueName is the name of the call that issues a challenge.
const IssueName = "openapi.soter.issueChallenge"

// IssuePath is where it stands over HTTP.
const IssuePath = "/openapi/soter/issueChallenge"

// IssueCall is the call [IssueName]:
//
//	{"openid":"oUser","purpose":"pay order 2026-0042"}
//	{"challenge":"…","expiresIn":120,"errCode":0,"errMsg":"openapi.soter.issueChallenge:ok"}
//
// expiresIn is in seconds. Called from a page, the user and the app are the page's
// own, and openid may be left out. A backend says by appid in which app the user is.
// A challenge that is issued for a purpose is good for that purpose only; policy says
// whether there must be one.
// served are the apps that there are, none if that is not known: if there are
// several, one of them must be meant, and if there is one, it need not be named.
// Over HTTP it stands behind gate. The [openapi.Result.Value] is a [Challenge].
func IssueCall(issuer *Issuer, gate openapi.Gate, policy openapi.PurposePolicy, served ...string) openapi.Call {
	return openapi.Call{
		Name: IssueName, Direct: true, Path: IssuePath, Root: true, Method: http.MethodPost, Gate: gate,
		Serve: func(r *http.Request) openapi.Result {
			openid, appID, purpose, e := askedFor(r, policy, served)
			var log []slog.Attr
			if appID != "" {
				log = append(log, slog.String("appid", appID))
			}
			if openid != "" {
				log = append(log, slog.String("openid", openapi.MaskOpenID(openid)))
			}
			if e != nil {
				return openapi.Refused(e, log...)
			}
			app := appID
			if len(served) == 1 { // there is no other that it could be presented in
				app = ""
			}
			c, err := issuer.IssueFor(openid, app, purpose)
			if err != nil {
				return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, "no challenge can be issued for this openid", err), log...)
			}
			return openapi.Result{Body: issued(c), Value: c, Outcome: "ok", Log: log}
		},
	}
}

// askedFor returns the user whom a challenge is for, the app, and the purpose.
func askedFor(r *http.Request, policy openapi.PurposePolicy, served []string) (openid, appID, purpose string, e *openapi.Error) {
	caller := openapi.CallerFrom(r.Context())
	if e = caller.CheckKnown(); e != nil {
		return "", "", "", e
	}
	body, e := openapi.ReadBody(r)
	if e != nil {
		return "", "", "", e
	}
	question := struct {
		AppID  string `json:"appid"`
		OpenID string `json:"openid"`
		Call   string `json:"call"`
	}{Call: IssueName}
	// A page has nothing to say.
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, &question); err != nil || jsontext.Value(body).Kind() != '{' {
			return "", "", "", openapi.NewError(openapi.CodeInvalidParam, "expected a JSON object with openid", nil)
		}
	}
	if question.Call != IssueName {
		return "", "", "", openapi.NewError(openapi.CodeInvalidParam, "the call in the event is not "+IssueName, nil)
	}
	if openid, e = caller.ResolveOpenID(question.OpenID); e != nil {
		return question.OpenID, "", "", e
	}
	if len(question.AppID) > openapi.MaxAppID {
		return openid, "", "", openapi.NewError(openapi.CodeInvalidParam, "parameter.appid is too long", nil)
	}
	if appID, e = caller.ResolveAppID(question.AppID, served); e != nil {
		return openid, appID, "", e
	}
	if purpose, e = openapi.ReadPurpose(body); e != nil {
		return openid, appID, "", e
	}
	return openid, appID, purpose, policy.Check(purpose)
}

func issued(c Challenge) []byte {
	b, err := json.Marshal(struct {
		Challenge string `json:"challenge"`
		ExpiresIn int64  `json:"expiresIn"`
		ErrCode   int    `json:"errCode"`
		ErrMsg    string `json:"errMsg"`
	}{c.Text, int64(c.ExpiresIn / time.Second), 0, IssueName + ":ok"})
	if err != nil {
		panic(err) // all of it is text of ours, in UTF-8
	}
	return b
}
