package challenge

import (
	"bytes"
	"context"
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
//	{"openid":"oUser"}
//	{"challenge":"…","expiresIn":120,"errCode":0,"errMsg":"openapi.soter.issueChallenge:ok"}
//
// expiresIn is in seconds. Called from a page, the user is the page's own, and
// openid may be left out. Over HTTP it stands behind gate.
func IssueCall(issuer *Issuer, gate openapi.Gate) openapi.Call {
	return openapi.Call{
		Name: IssueName, Direct: true, Path: IssuePath, Root: true, Method: http.MethodPost, Gate: gate,
		Serve: func(ctx context.Context, asked openapi.Asked) openapi.Result {
			openid, e := askedFor(ctx, asked)
			var log []slog.Attr
			if openid != "" {
				log = []slog.Attr{slog.String("openid", openapi.MaskOpenID(openid))}
			}
			if e != nil {
				return openapi.Refused(e, log...)
			}
			c, err := issuer.Issue(openid)
			if err != nil {
				return openapi.Refused(openapi.NewError(openapi.CodeInvalidParam, "no challenge can be issued for this openid", err), log...)
			}
			return openapi.Result{Body: issued(c), Outcome: "ok", Log: log}
		},
	}
}

// askedFor is the user whom a challenge is for.
func askedFor(ctx context.Context, asked openapi.Asked) (openid string, e *openapi.Error) {
	body, e := asked.Body()
	if e != nil {
		return "", e
	}
	question := struct {
		OpenID string `json:"openid"`
		Call   string `json:"call"`
	}{Call: IssueName}
	// A page has nothing to say.
	if len(bytes.TrimSpace(body)) > 0 {
		if err := json.Unmarshal(body, &question); err != nil || jsontext.Value(body).Kind() != '{' {
			return "", openapi.NewError(openapi.CodeInvalidParam, "expected a JSON object with openid", nil)
		}
	}
	if question.Call != IssueName {
		return "", openapi.NewError(openapi.CodeInvalidParam, "the call in the event is not "+IssueName, nil)
	}
	openid, e = openapi.CallerFrom(ctx).ResolveOpenID(question.OpenID)
	if e != nil {
		return question.OpenID, e
	}
	return openid, nil
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
