package wechat

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
)

// verifyPath is soter.verifySignature as HTTPS Call.
const verifyPath = "/cgi-bin/soter/verify_signature"

// Verifier has WeChat judge signatures. It implements [openapi.Verifier].
type Verifier struct {
	client *API
	hosts  *upstream.Hosts
	tokens accesstoken.Source
}

var _ openapi.Verifier = (*Verifier)(nil)

// Verifier returns a Verifier that calls hosts with the access_tokens of tokens.
func (c *API) Verifier(hosts *upstream.Hosts, tokens accesstoken.Source) *Verifier {
	return &Verifier{client: c, hosts: hosts, tokens: tokens}
}

const (
	// maxTokens bounds the tokens that one call tries: another party may keep refreshing
	// them.
	maxTokens = 3
	// maxAsked bounds the requests of one call with a new token.
	maxAsked = 6
	// firstRepeat and repeat are the pauses before those requests.
	firstRepeat = 300 * time.Millisecond
	repeat      = 600 * time.Millisecond
)

// Verify implements [openapi.Verifier].
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	body, err := marshal(r)
	if err != nil {
		return openapi.Verdict{}, openapi.NewError(openapi.CodeInvalidParam, "a parameter is not valid UTF-8", err)
	}
	ctx = v.client.begin(ctx)
	token, err := v.tokens.Token(ctx)
	if err != nil {
		return openapi.Verdict{}, asCallError(err)
	}
	return v.verify(ctx, token, body)
}

// verify sends the request with token. If WeChat refuses the token, it is replaced and the
// request sent again. WeChat's front ends do not all know at once which tokens are valid.
// So a token that was just accepted, or is new, is first tried once more on another
// connection.
func (v *Verifier) verify(ctx context.Context, token accesstoken.Token, body []byte) (openapi.Verdict, error) {
	for tokens, asked := 1, 1; ; asked++ {
		verdict, refusal := v.ask(ctx, token, body)
		if !isStale(refusal) {
			return verdict, refusal
		}
		why, isNew := v.tokens.Refused(token.Value)
		if asked == 1 && why != accesstoken.Refused {
			v.client.http.CloseIdle()
			continue
		}
		if tokens < maxTokens {
			// Both requests were answered, with the token refused. Others may wait for the
			// fetch, so it gets attempts of its own.
			ctx = beginAnew(ctx)
			next, err := v.tokens.Replace(ctx, token.Value, why)
			switch {
			case err == nil:
				token, asked = next, 0
				tokens++
				continue
			case !errors.Is(err, accesstoken.ErrStale):
				return openapi.Verdict{}, asCallError(err)
			}
		}
		if !isNew || asked == maxAsked || !v.waitUntilKnown(ctx, asked) {
			return openapi.Verdict{}, refusal
		}
		v.client.http.CloseIdle()
	}
}

// waitUntilKnown waits before a new token is tried once more. It reports whether there is
// time left for that.
func (v *Verifier) waitUntilKnown(ctx context.Context, asked int) bool {
	wait := repeat
	if asked == 2 {
		wait = firstRepeat
	}
	return leaves(ctx, wait) && v.client.pause(ctx, wait) == nil
}

// marshal writes the body of the call. It escapes only what JSON requires, so that WeChat
// reads the bytes that the phone has signed.
func marshal(r openapi.Request) ([]byte, error) {
	b := make([]byte, 0, len(r.OpenID)+len(r.JSONString)+len(r.JSONString)/4+len(r.JSONSignature)+64)
	var err error
	for _, field := range []struct{ name, value string }{
		{`{"openid":`, r.OpenID}, {`,"json_string":`, r.JSONString}, {`,"json_signature":`, r.JSONSignature},
	} {
		b = append(b, field.name...)
		if b, err = jsontext.AppendQuote(b, field.value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// ask sends the request with token, with the repetitions of Client.call.
func (v *Verifier) ask(ctx context.Context, token accesstoken.Token, body []byte) (openapi.Verdict, error) {
	var verdict openapi.Verdict
	var refusal error
	asked := &request{
		method: "POST",
		hosts:  v.hosts,
		path:   verifyPath,
		query:  tokenQuery(token),
		body:   body,
		bare:   token.Value.IsZero(),
		read: func(reply []byte) (int, error) {
			if token.Value.IsZero() && hasErrorType(reply) {
				return 0, errServiceBroken
			}
			verdict, refusal = openapi.ParseReply(reply, v.client.Redact.Text)
			if e, ok := errors.AsType[*openapi.Error](refusal); ok {
				return e.Code, nil
			}
			return 0, v.client.Redact.Error(refusal)
		},
	}
	if err := v.client.call(ctx, asked); err != nil {
		return openapi.Verdict{}, asked.asCallError(err)
	}
	if refusal == nil {
		v.tokens.Accepted(token.Value)
	}
	if token.Value.IsZero() {
		return verdict, advised(refusal)
	}
	return verdict, refusal
}

// tokenQuery returns the query that carries token; empty if the open API service adds it.
func tokenQuery(token accesstoken.Token) string {
	switch {
	case token.Value.IsZero():
		return ""
	case token.CloudBase:
		return "cloudbase_access_token=" + url.QueryEscape(token.Value.Reveal())
	default:
		return "access_token=" + url.QueryEscape(token.Value.Reveal())
	}
}

// isStale reports whether err is an errcode for an access_token that is not valid (any
// more).
func isStale(err error) bool {
	e, ok := errors.AsType[*openapi.Error](err)
	return ok && openapi.LookUp(e.Code).Stale
}

// asCallError returns the caller's error if WeChat could not be reached.
func asCallError(err error) error {
	var refusal *accesstoken.Refusal
	switch {
	case errors.As(err, &refusal):
		return openapi.Upstream(refusal.ErrCode, refusal.ErrMsg)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, "WeChat did not answer in time", err)
	}
	message := "the request to WeChat failed"
	if status, ok := errors.AsType[*badStatus](err); ok && status.function {
		message = status.sentence()
	}
	if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
		if _, ok := errors.AsType[*tokenFunctionError](err); ok {
			message = "the request to the token function (WECHAT_TOKEN_BASE) failed"
		}
		message += ": " + obstacle.Sentence()
	}
	return openapi.NewError(openapi.CodeSystem, message, err)
}
