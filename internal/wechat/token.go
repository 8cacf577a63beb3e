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

// TokenConfig says where access_tokens come from.
type TokenConfig struct {
	// Base is where they are fetched: WeChat's API, or a token function.
	Base        *upstream.Hosts
	Credentials Credentials
	// Classic fetches by getAccessToken instead of getStableAccessToken. How a token
	// function gets its tokens is its own affair.
	Classic bool
	// Function says that Base is a token function; see [IsTokenFunction].
	Function bool
	// Store is shared by all that fetch for the same appid at the same Base.
	Store accesstoken.Store
	Log   *slog.Logger
}

// IsTokenFunction reports whether tokenBases are the addresses of a token function,
// which is told which token WeChat has refused. WeChat itself must never be told:
// whatever is in WeChat's own domain, or is one of apiBases, where WeChat's API is
// reached, is none.
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

// weChatDomain is where WeChat has its interface domain names, api.weixin.qq.com and
// others (WeChat, "interface domain names").
const weChatDomain = "weixin.qq.com"

// address is what tells one base URL from another.
func address(base *url.URL) string {
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	return strings.ToLower(base.Hostname()) + ":" + port + strings.TrimRight(base.Path, "/")
}

// Tokens makes the Source of access_tokens that c fetches.
func (c *Client) Tokens(config TokenConfig) *accesstoken.Cache {
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

// refuses asks WeChat whether it refuses token, by a verification without parameters:
// WeChat looks at the token first.
func (c *Client) refuses(ctx context.Context, hosts *upstream.Hosts, token secret.Text) (bool, error) {
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

// StableToken is getStableAccessToken at base: while a token is valid it gives
// the same one again, unless forced.
func (c *Client) StableToken(base *upstream.Hosts, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
		return c.stable(ctx, base, credentials, accesstoken.FetchRequest{Force: r.Force, IsForStranger: r.IsForStranger}, false) // WeChat is not told what is stale
	})
}

// ClassicToken is getAccessToken at base: each fetch makes a new token and
// retires the one before.
func (c *Client) ClassicToken(base *upstream.Hosts, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
		return c.classic(ctx, base, credentials, r)
	})
}

// FunctionToken is the token function at base. It is asked by getStableAccessToken's
// request, with stale_token for the token that WeChat has refused: the function
// compares it with its own, and refreshes only if they are the same; if the field
// doubt says that it may be good, by a normal fetch and not by force. A token server
// of somebody else's, which does not know the fields, gives what it has; one that has
// no stable_token is asked as by getAccessToken.
func (c *Client) FunctionToken(base *upstream.Hosts, credentials Credentials) accesstoken.Endpoint {
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

// tokenFunctionError says that the token function, and not WeChat, did not give a token.
type tokenFunctionError struct{ err error }

func (e *tokenFunctionError) Error() string { return e.err.Error() }

// Unwrap returns why.
func (e *tokenFunctionError) Unwrap() error { return e.err }

type endpoint func(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error)

func (e endpoint) Fetch(ctx context.Context, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
	return e(ctx, r)
}

func (c *Client) stable(ctx context.Context, base *upstream.Hosts, credentials Credentials, r accesstoken.FetchRequest, function bool) (accesstoken.Grant, error) {
	body, err := json.Marshal(struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh,omitzero"`
		StaleToken   string `json:"stale_token,omitzero"`
		Doubt        string `json:"doubt,omitzero"`
	}{"client_credential", credentials.AppID, credentials.AppSecret.Reveal(), r.Force, r.Stale.Reveal(), r.Doubt()})
	if err != nil { // its words could quote what it could not write
		return accesstoken.Grant{}, errors.New("the appid, the secret or the token is not valid UTF-8")
	}
	return c.grant(ctx, &request{method: "POST", hosts: base, path: stableTokenPath, body: body, spare: 1, function: function, isForStranger: r.IsForStranger})
}

func (c *Client) classic(ctx context.Context, base *upstream.Hosts, credentials Credentials, r accesstoken.FetchRequest) (accesstoken.Grant, error) {
	return c.grant(ctx, &request{method: "GET", hosts: base, path: classicTokenPath, once: true, spare: 1, isForStranger: r.IsForStranger, query: url.Values{
		"grant_type": {"client_credential"},
		"appid":      {credentials.AppID},
		"secret":     {credentials.AppSecret.Reveal()},
	}.Encode()})
}

func (c *Client) grant(ctx context.Context, r *request) (accesstoken.Grant, error) {
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
