package wechat

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

// verifyPath is soter.verifySignature as HTTPS Call.
const verifyPath = "/cgi-bin/soter/verify_signature"

// Verifier asks WeChat whether a signature is genuine. It implements
// [openapi.Verifier].
type Verifier struct {
	client *Client
	hosts  *upstream.Hosts
	tokens accesstoken.Source
	seen   standings
}

var _ openapi.Verifier = (*Verifier)(nil)

// Verifier makes a Verifier that asks at hosts with tokens' access_tokens.
func (c *Client) Verifier(hosts *upstream.Hosts, tokens accesstoken.Source) *Verifier {
	return &Verifier{client: c, hosts: hosts, tokens: tokens, seen: standings{now: c.now}}
}

const (
	// maxTokens is how many tokens one call tries: somebody may be refreshing them.
	maxTokens = 3
	// maxAsked is how often one call asks with a token that is new.
	maxAsked = 6
	// firstRepeat and repeat are the pauses before that.
	firstRepeat = 300 * time.Millisecond
	repeat      = 600 * time.Millisecond
)

// Verify implements [openapi.Verifier]. A token that WeChat refuses is replaced and
// the question asked again. Not all of WeChat's front ends always know which tokens
// are good, so that one which was good a moment ago, or is a moment old, is tried
// once more on another connection first.
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

// verify asks with token, and with others after it, until WeChat has accepted one.
func (v *Verifier) verify(ctx context.Context, token accesstoken.Token, body []byte) (openapi.Verdict, error) {
	for tokens, asked := 1, 1; ; asked++ {
		v.seen.use(token.Value)
		verdict, refusal := v.ask(ctx, token, body)
		if !isStale(refusal) {
			if refusal == nil {
				v.seen.accept(token.Value)
			}
			return verdict, refusal
		}
		isNew, doubt := v.seen.refuse(token.Value)
		isNew = isNew && asked < maxAsked
		if asked == 1 && doubt != "" {
			v.client.http.CloseIdle()
			continue
		}
		if tokens < maxTokens {
			// Both requests that found the token refused were answered. The fetch, for
			// which others may wait, is repeated as if it were the first.
			ctx = beginAnew(ctx)
			next, err := v.replace(ctx, token.Value, doubt)
			switch {
			case err == nil:
				token, asked = next, 0
				tokens++
				continue
			case !errors.Is(err, accesstoken.ErrStale):
				return openapi.Verdict{}, asCallError(err)
			}
		}
		if !isNew || !v.waitUntilKnown(ctx, asked) {
			return openapi.Verdict{}, refusal
		}
		v.client.http.CloseIdle()
	}
}

// waitUntilKnown pauses after a token that is new was refused so often. It reports whether
// the call has time left.
func (v *Verifier) waitUntilKnown(ctx context.Context, refused int) bool {
	wait := repeat
	if refused == 2 {
		wait = firstRepeat
	}
	return leaves(ctx, wait) && v.client.pause(ctx, wait) == nil
}

// replace brings another token than one that was refused, by force only if it cannot
// be good.
func (v *Verifier) replace(ctx context.Context, refused secret.Text, doubt accesstoken.Doubt) (accesstoken.Token, error) {
	if doubt != "" {
		return v.tokens.Renew(ctx, refused, doubt)
	}
	return v.tokens.Refresh(ctx, refused)
}

// marshal writes the body of the call. Strings are escaped no more than JSON
// demands, so that WeChat reads the bytes that the phone has signed.
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

func (v *Verifier) ask(ctx context.Context, token accesstoken.Token, body []byte) (openapi.Verdict, error) {
	var query string
	switch {
	case token.Value.IsZero(): // whoever is asked adds it
	case token.CloudBase:
		query = "cloudbase_access_token=" + url.QueryEscape(token.Value.Reveal())
	default:
		query = "access_token=" + url.QueryEscape(token.Value.Reveal())
	}
	var verdict openapi.Verdict
	var refusal error
	asked := &request{
		method: "POST",
		hosts:  v.hosts,
		path:   verifyPath,
		query:  query,
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
	err := v.client.call(ctx, asked)
	switch {
	case err == nil:
	case asked.isServiceDown(err):
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the open API service of Cloud Hosting answered HTTP 502"+threeSteps, err)
	case errors.Is(err, errServiceBroken):
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the open API service of Cloud Hosting is broken on the platform's side (error_type): "+
			"open a ticket with the environment's ID, the AppID, the time and openapi_seqid of the log line", err)
	default:
		return openapi.Verdict{}, asCallError(err)
	}
	if token.Value.IsZero() {
		return verdict, advised(refusal)
	}
	return verdict, refusal
}

// isStale tells the errcodes that say that the access_token is not valid (any
// more).
func isStale(err error) bool {
	e, ok := errors.AsType[*openapi.Error](err)
	return ok && openapi.LookUp(e.Code).Stale
}

// asCallError words why WeChat could not be asked.
func asCallError(err error) error {
	var refusal *accesstoken.Refusal
	switch {
	case errors.As(err, &refusal):
		return openapi.Upstream(refusal.ErrCode, refusal.ErrMsg)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, "WeChat did not answer in time", err)
	}
	message := "WeChat could not be asked"
	if obstacle, ok := errors.AsType[*upstream.Obstacle](err); ok {
		if _, ok := errors.AsType[*tokenFunctionError](err); ok {
			message = "the token function (WECHAT_TOKEN_BASE) could not be asked"
		}
		message += ": " + obstacle.Sentence()
	}
	return openapi.NewError(openapi.CodeSystem, message, err)
}
