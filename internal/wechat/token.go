package wechat

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
)

const (
	stableTokenPath  = accesstoken.StablePath
	classicTokenPath = accesstoken.ClassicPath
)

// Credentials are a Mini Program's.
type Credentials struct {
	AppID     string
	AppSecret secret.Text
}

// TokenConfig configures the source of access_tokens.
type TokenConfig struct {
	// Base is the address of the token endpoints: WeChat's API, or a token function.
	Base        *upstream.Hosts
	Credentials Credentials
	// Classic uses getAccessToken instead of getStableAccessToken. It is ignored if Function
	// is set.
	Classic bool
	// Function says that Base is a token function; see [IsTokenFunction].
	Function bool
	// Store is shared by all clients that fetch for the same appid at the same Base.
	Store accesstoken.Store
	Log   *slog.Logger
}

// IsTokenFunction reports whether tokenBases are the addresses of a token function. Such a
// function learns which token WeChat has refused; WeChat itself must not. An address in
// WeChat's own domain, or among apiBases, where WeChat's API is reached, is none.
func IsTokenFunction(tokenBases, apiBases []*url.URL) bool {
	return len(tokenBases) > 0 && !slices.ContainsFunc(tokenBases, func(base *url.URL) bool { return isWeChat(base, apiBases) })
}

func isWeChat(tokenBase *url.URL, apiBases []*url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(tokenBase.Hostname()), ".")
	if host == weChatDomain || strings.HasSuffix(host, "."+weChatDomain) {
		return true
	}
	return slices.ContainsFunc(apiBases, func(api *url.URL) bool { return address(api) == address(tokenBase) })
}

// weChatDomain is the domain of WeChat's APIs, api.weixin.qq.com and others (WeChat,
// "interface domain names").
const weChatDomain = "weixin.qq.com"

// address returns the part of a base URL that distinguishes it from others.
func address(base *url.URL) string {
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	return strings.ToLower(base.Hostname()) + ":" + port + strings.TrimRight(base.Path, "/")
}

// Tokens returns the Source of access_tokens that c fetches.
func (c *API) Tokens(config TokenConfig) *accesstoken.Cache {
	endpoint, classic := c.StableToken(config.Base, config.Credentials), config.Classic
	switch {
	case config.Function:
		endpoint, classic = c.FunctionToken(config.Base, config.Credentials), false
	case classic:
		endpoint = c.ClassicToken(config.Base, config.Credentials)
	}
	return accesstoken.NewCache(accesstoken.Config{
		Endpoint: endpoint, Store: config.Store, Classic: classic, Function: config.Function, Strangers: c.strangers,
		Refuses: func(ctx context.Context, token secret.Text) (bool, error) { return c.refuses(ctx, config.Base, token) },
		Now:     c.now, Log: config.Log, Life: c.life,
	})
}

// refuses reports whether WeChat refuses token. It sends a verification without parameters:
// WeChat checks the token first.
func (c *API) refuses(ctx context.Context, hosts *upstream.Hosts, token secret.Text) (bool, error) {
	var refusal error
	err := c.call(ctx, &request{
		method: "POST", hosts: hosts, path: verifyPath, query: "access_token=" + url.QueryEscape(token.Reveal()), body: []byte("{}"), spare: 1,
		read: func(reply []byte) (int, error) {
			_, refusal = openapi.ParseReply(reply, c.Redact.Text)
			if e, ok := errors.AsType[*openapi.Error](refusal); ok {
				return e.Code, nil
			}
			return 0, c.Redact.Error(refusal)
		},
	})
	return err == nil && isStale(refusal), err
}

// StableToken is getStableAccessToken at base. It returns the same token while that is
// valid, unless forced.
func (c *API) StableToken(base *upstream.Hosts, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
		// WeChat must not learn the stale token.
		return c.stable(ctx, base, credentials, accesstoken.FetchRequest{Force: r.Force, IsForStranger: r.IsForStranger}, false)
	})
}

// ClassicToken is getAccessToken at base. Each fetch makes a new token and retires the
// previous one.
func (c *API) ClassicToken(base *upstream.Hosts, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
		return c.classic(ctx, base, credentials, r)
	})
}

// FunctionToken is the token function at base. The request is that of getStableAccessToken,
// with stale_token for the token that WeChat has refused. The function compares it with its
// own, and refreshes only if they are the same. If the field doubt says that the token may
// be valid, it makes a normal fetch, without force. A foreign token server, which ignores
// these fields, returns its token. One without stable_token gets the request of
// getAccessToken.
func (c *API) FunctionToken(base *upstream.Hosts, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
		grant, err := c.stable(ctx, base, credentials, r, true)
		var status *badStatus
		if errors.As(err, &status) && (status.status == http.StatusNotFound || status.status == http.StatusMethodNotAllowed) {
			grant, err = c.classic(ctx, base, credentials, r)
		}
		if err != nil {
			err = &tokenFunctionError{err}
		}
		return grant, err
	})
}

// tokenFunctionError says that the token function, and not WeChat, returned no token.
type tokenFunctionError struct{ err error }

func (e *tokenFunctionError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *tokenFunctionError) Unwrap() error { return e.err }

type endpoint func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error)

func (e endpoint) Fetch(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
	return e(ctx, r)
}

func (c *API) stable(ctx context.Context, base *upstream.Hosts, credentials Credentials, r accesstoken.FetchRequest, function bool) (accesstoken.Grant, error) {
	body, err := json.Marshal(struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh,omitzero"`
		StaleToken   string `json:"stale_token,omitzero"`
		Doubt        string `json:"doubt,omitzero"`
	}{"client_credential", credentials.AppID, credentials.AppSecret.Reveal(), r.Force, r.Stale.Reveal(), r.Doubt()})
	if err != nil { // the error could quote what could not be written
		return accesstoken.Grant{}, errors.New("the appid, the secret or the token is not valid UTF-8")
	}
	return c.grant(ctx, &request{method: "POST", hosts: base, path: stableTokenPath, body: body, spare: 1, function: function, isForStranger: r.IsForStranger})
}

func (c *API) classic(ctx context.Context, base *upstream.Hosts, credentials Credentials, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
	return c.grant(ctx, &request{method: "GET", hosts: base, path: classicTokenPath, once: true, spare: 1, isForStranger: r.IsForStranger, query: url.Values{
		"grant_type": {"client_credential"},
		"appid":      {credentials.AppID},
		"secret":     {credentials.AppSecret.Reveal()},
	}.Encode()})
}

func (c *API) grant(ctx context.Context, r *request) (accesstoken.Grant, error) {
	type grant struct {
		ErrCode     int         `json:"errcode"`
		ErrMsg      string      `json:"errmsg"`
		AccessToken secret.Text `json:"access_token"`
		ExpiresIn   int64       `json:"expires_in"`
	}
	var answer grant
	r.read = func(reply []byte) (int, error) {
		answer = grant{}
		if err := json.Unmarshal(reply, &answer); err != nil {
			return 0, c.Redact.Error(err)
		}
		if answer.ErrCode == 0 && answer.AccessToken.IsZero() {
			return 0, errNonsense
		}
		return answer.ErrCode, nil
	}
	switch err := c.call(ctx, r); {
	case err != nil:
		return accesstoken.Grant{}, err
	case answer.ErrCode != 0:
		return accesstoken.Grant{}, &accesstoken.Refusal{ErrCode: answer.ErrCode, ErrMsg: c.Redact.Text(answer.ErrMsg)}
	}
	return accesstoken.Grant{Value: answer.AccessToken, ExpiresIn: time.Duration(answer.ExpiresIn) * time.Second}, nil
}
