package wechat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
)

const (
	stableTokenPath  = "/cgi-bin/stable_token"
	classicTokenPath = "/cgi-bin/token"
)

// Credentials are a Mini Program's.
type Credentials struct {
	AppID     string
	AppSecret secret.Text
}

// TokenConfig says where access_tokens come from.
type TokenConfig struct {
	// Base is where they are fetched: WeChat's API, or a token function.
	Base        *url.URL
	Credentials Credentials
	// Classic fetches by getAccessToken instead of getStableAccessToken.
	Classic bool
	// Store is shared by all that fetch for the same appid.
	Store accesstoken.Store
	Log   *slog.Logger
}

// Tokens makes the Source of access_tokens that c fetches.
func (c *Client) Tokens(config TokenConfig) *accesstoken.Cache {
	endpoint := c.StableToken(config.Base, config.Credentials)
	if config.Classic {
		endpoint = c.ClassicToken(config.Base, config.Credentials)
	}
	return accesstoken.NewCache(accesstoken.Config{
		Endpoint: endpoint, Store: config.Store, Classic: config.Classic, Now: c.now, Log: config.Log,
	})
}

// StableToken is getStableAccessToken at base: while a token is valid it gives
// the same one again, unless forced.
func (c *Client) StableToken(base *url.URL, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, force bool) (accesstoken.Grant, error) {
		body, err := json.Marshal(struct {
			GrantType    string `json:"grant_type"`
			AppID        string `json:"appid"`
			Secret       string `json:"secret"`
			ForceRefresh bool   `json:"force_refresh,omitzero"`
		}{"client_credential", credentials.AppID, credentials.AppSecret.Reveal(), force})
		if err != nil {
			return accesstoken.Grant{}, errors.New("appid or secret is not valid UTF-8")
		}
		return c.grant(ctx, &request{method: "POST", url: base.JoinPath(stableTokenPath), body: body, again: isBusy, outside: c.Scrub.With(credentials.AppSecret)})
	})
}

// ClassicToken is getAccessToken at base: each fetch makes a new token and
// retires the one before.
func (c *Client) ClassicToken(base *url.URL, credentials Credentials) accesstoken.Endpoint {
	return endpoint(func(ctx context.Context, _ bool) (accesstoken.Grant, error) {
		return c.grant(ctx, &request{method: "GET", url: base.JoinPath(classicTokenPath), again: isBusy, query: url.Values{
			"grant_type": {"client_credential"},
			"appid":      {credentials.AppID},
			"secret":     {credentials.AppSecret.Reveal()},
		}, outside: c.Scrub.With(credentials.AppSecret)})
	})
}

type endpoint func(ctx context.Context, force bool) (accesstoken.Grant, error)

func (e endpoint) Fetch(ctx context.Context, force bool) (accesstoken.Grant, error) {
	return e(ctx, force)
}

func (c *Client) grant(ctx context.Context, r *request) (accesstoken.Grant, error) {
	raw, err := c.call(ctx, r)
	if err != nil {
		return accesstoken.Grant{}, err
	}
	var answer struct {
		ErrCode     int         `json:"errcode"`
		ErrMsg      string      `json:"errmsg"`
		AccessToken secret.Text `json:"access_token"`
		ExpiresIn   int64       `json:"expires_in"`
	}
	switch err := json.Unmarshal(raw, &answer); {
	case err != nil:
		// The parser's own words could quote a part of the token.
		return accesstoken.Grant{}, fmt.Errorf("%s: the reply is not what the documentation says", r.name())
	case answer.ErrCode != 0:
		return accesstoken.Grant{}, &accesstoken.Refusal{ErrCode: answer.ErrCode, ErrMsg: r.outside.Text(answer.ErrMsg)}
	}
	return accesstoken.Grant{Value: answer.AccessToken, ExpiresIn: time.Duration(answer.ExpiresIn) * time.Second}, nil
}
