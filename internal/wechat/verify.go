package wechat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// verifyPath is soter.verifySignature as HTTPS Call.
const verifyPath = "/cgi-bin/soter/verify_signature"

// Verifier asks WeChat whether a signature is genuine. It implements
// [openapi.Verifier].
type Verifier struct {
	client *Client
	base   *url.URL
	tokens accesstoken.Source
}

var _ openapi.Verifier = (*Verifier)(nil)

// Verifier makes a Verifier that asks at base with tokens' access_tokens.
func (c *Client) Verifier(base *url.URL, tokens accesstoken.Source) *Verifier {
	return &Verifier{client: c, base: base, tokens: tokens}
}

// Prepare does what the first question at base would wait for: it fetches a
// token and, beside that, opens a connection. Failures are nobody's: the question
// will meet them itself.
func (c *Client) Prepare(ctx context.Context, base *url.URL, tokens accesstoken.Source) {
	var wg sync.WaitGroup
	wg.Go(func() { c.connect(ctx, base) })
	_, _ = tokens.Token(ctx)
	wg.Wait()
}

// connect leaves an open connection behind, by a request for nothing in particular.
func (c *Client) connect(ctx context.Context, base *url.URL) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base.JoinPath("/cgi-bin/").String(), nil)
	if err != nil {
		return
	}
	_, _ = c.line.Send(req)
}

// Verify implements [openapi.Verifier]. A token that WeChat refuses is replaced
// and the question asked once more.
func (v *Verifier) Verify(ctx context.Context, r openapi.Request) (openapi.Verdict, error) {
	body, err := marshal(r)
	if err != nil {
		return openapi.Verdict{}, openapi.NewError(openapi.CodeInvalidParam, "a parameter is not valid UTF-8", err)
	}
	asked := v.client.Scrub.With(secret.New(r.JSONSignature), secret.New(r.JSONString), secret.New(r.OpenID))
	token, err := v.tokens.Token(ctx)
	if err != nil {
		return openapi.Verdict{}, asCallError(err)
	}
	verdict, err := v.ask(ctx, token, body, asked)
	var refused *refusedToken
	if !errors.As(err, &refused) {
		return verdict, err
	}
	token, refreshErr := v.tokens.Refresh(ctx, token.Value)
	switch {
	case errors.Is(refreshErr, accesstoken.ErrStale):
		return openapi.Verdict{}, refused.upstream()
	case refreshErr != nil:
		return openapi.Verdict{}, asCallError(refreshErr)
	}
	verdict, err = v.ask(ctx, token, body, asked)
	if errors.As(err, &refused) {
		return openapi.Verdict{}, refused.upstream()
	}
	return verdict, err
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

// reply is what verify_signature answers. A wrong signature may come without
// errcode, an error comes without is_ok (WeChat, soter.verifySignature).
type reply struct {
	ErrCode int    `json:"errcode"`
	ErrMsg  string `json:"errmsg"`
	IsOK    *bool  `json:"is_ok"`
}

func (v *Verifier) ask(ctx context.Context, token accesstoken.Token, body []byte, asked *secret.Scrubber) (openapi.Verdict, error) {
	parameter := "access_token"
	if token.CloudBase {
		parameter = "cloudbase_access_token"
	}
	outside := asked.With(token.Value)
	raw, err := v.client.call(ctx, &request{
		method:  "POST",
		url:     v.base.JoinPath(verifyPath),
		query:   url.Values{parameter: {token.Value.Reveal()}},
		body:    body,
		outside: outside,
		again:   isBusy,
	})
	if err != nil {
		return openapi.Verdict{}, asCallError(err)
	}
	var answer reply
	switch err := json.Unmarshal(raw, &answer); {
	case err != nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "WeChat's answer is not what its documentation says", outside.Error(err))
	case isStale(answer.ErrCode):
		return openapi.Verdict{}, &refusedToken{code: answer.ErrCode, words: answer.ErrMsg, outside: outside}
	case answer.ErrCode != 0:
		return openapi.Verdict{}, openapi.Upstream(answer.ErrCode, outside.Text(answer.ErrMsg))
	case answer.IsOK == nil:
		return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "WeChat's answer has no is_ok", nil)
	case *answer.IsOK:
		return openapi.Genuine(), nil
	default:
		return openapi.Wrong("WeChat says that the signature is wrong"), nil
	}
}

// isBusy tells errcode -1, "system error", for which WeChat asks to try again.
func isBusy(raw []byte) bool {
	if !bytes.Contains(raw, []byte("-1")) {
		return false // and need not be parsed twice
	}
	var answer struct {
		ErrCode int `json:"errcode"`
	}
	return json.Unmarshal(raw, &answer) == nil && answer.ErrCode == -1
}

// isStale tells the errcodes that say that the access_token is not valid (any
// more).
func isStale(errcode int) bool {
	return errcode == 40001 || errcode == 40014 || errcode == 42001
}

// refusedToken is an answer with such an errcode. Mostly nobody gets to see it,
// because another token works: its words are scrubbed only for a caller.
type refusedToken struct {
	code    int
	words   string // as they came
	outside *secret.Scrubber
}

func (e *refusedToken) Error() string { return fmt.Sprintf("errcode %d: the token is refused", e.code) }

func (e *refusedToken) upstream() error { return openapi.Upstream(e.code, e.outside.Text(e.words)) }

// asCallError words why WeChat could not be asked.
func asCallError(err error) error {
	var refusal *accesstoken.Refusal
	switch {
	case errors.As(err, &refusal):
		return openapi.Upstream(refusal.ErrCode, refusal.ErrMsg)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return openapi.NewError(openapi.CodeTimeout, "WeChat did not answer in time", err)
	default:
		return openapi.NewError(openapi.CodeSystem, "WeChat could not be asked", err)
	}
}
