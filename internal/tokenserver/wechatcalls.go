package tokenserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// maxBody bounds a request, in bytes; real ones have about 150.
const maxBody = 8 << 10

// WeChat's codes and texts at the token endpoints (getAccessToken,
// getStableAccessToken).
var (
	badGrantType = openapi.Upstream(openapi.CodeBadGrantType, "invalid grant_type")
	badAppID     = openapi.Upstream(openapi.CodeInvalidAppID, "invalid appid")
	badSecret    = openapi.Upstream(openapi.CodeInvalidSecret, "invalid appsecret")
	noAppID      = openapi.Upstream(openapi.CodeNoAppID, "appid missing")
	noSecret     = openapi.Upstream(openapi.CodeNoSecret, "appsecret missing")
	noBody       = openapi.Upstream(openapi.CodeEmptyBody, "empty post data")
	badBody      = openapi.Upstream(openapi.CodeDataFormat, "data format error")
	closedDoor   = openapi.NewError(openapi.CodeNoPermission, "requests over HTTP are not accepted: set TOKEN_CLIENT_SECRETS, or clients in WECHAT_APPS", nil)
	noOperators  = openapi.NewError(openapi.CodeNoPermission, "requests over HTTP are not accepted: set HTTP_BEARER_TOKENS", nil)
)

// credentials are those of a client's request.
type credentials struct {
	GrantType    string `json:"grant_type"`
	AppID        string `json:"appid"`
	Secret       string `json:"secret"`
	ForceRefresh bool   `json:"force_refresh"`
	// StaleToken is a field of our own: a token that WeChat has refused, and that the
	// client wants replaced. It forces no refresh.
	StaleToken secret.Text `json:"stale_token"`
	// Doubt, another field of ours, says why that token may still be good. It is replaced
	// if there is another one already, and nothing is forced.
	Doubt string `json:"doubt"`
}

func (h *Server) classic(r *http.Request) openapi.Result {
	return h.serveToken(r.Context(), fromQuery(r.URL.Query()))
}

func (h *Server) stable(r *http.Request) openapi.Result {
	presented, refused := fromBody(r)
	if refused != nil {
		return openapi.Refused(refused)
	}
	return h.serveToken(r.Context(), presented)
}

func fromQuery(query url.Values) credentials {
	return credentials{GrantType: query.Get("grant_type"), AppID: query.Get("appid"), Secret: query.Get("secret")}
}

func fromBody(r *http.Request) (credentials, *openapi.Error) {
	body, refused := openapi.ReadBody(r)
	switch {
	case refused != nil, len(body) > maxBody:
		return credentials{}, badBody
	case len(body) == 0:
		return credentials{}, noBody
	}
	var c credentials
	if json.Unmarshal(body, &c) != nil { // the error could quote the secret
		return credentials{}, badBody
	}
	return c, nil
}

// serveToken admits the client, and returns the token or an error.
func (h *Server) serveToken(ctx context.Context, c credentials) openapi.Result {
	source, client, log, refused := h.admit(ctx, c)
	if refused != nil {
		return openapi.Refused(refused, log...)
	}
	var token accesstoken.Token
	var err error
	switch {
	case !c.StaleToken.IsZero():
		token, err = source.Claim(ctx, c.StaleToken, accesstoken.WhyRefused(c.Doubt))
		if c.Doubt != "" && errors.Is(err, accesstoken.ErrStale) {
			token, err = source.Token(ctx)
		}
	case c.ForceRefresh:
		token, err = source.Replace(ctx, secret.Text{}, accesstoken.OnRequest)
	default:
		token, err = source.Token(ctx)
	}
	if err != nil {
		return openapi.Refused(callError(err), log...)
	}
	if count, warn := h.repeats.add(client, c.AppID, token.Value, h.Now()); count > 0 {
		log = append(log, slog.Int("token_repeats", count))
		if warn && h.Log != nil {
			h.Log.Warn("a client fetches its token again and again: let it store the token for expires_in",
				slog.String("client", client.Name), slog.String("appid", c.AppID), slog.Int("token_repeats", count))
		}
	}
	return given(log, struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}{token.Value.Reveal(), h.expiresIn(token)})
}

// admit returns the app whose token a client may have. For the log it also returns the
// client and the reason for a refusal.
//
// A client without a valid secret for the app always gets the same response. It does not
// show whether the app exists, and nor does the time: the apps are checked for this
// client's right in either case. Only a client with a right to all apps learns that there
// is none of that name.
func (h *Server) admit(ctx context.Context, c credentials) (Source, *Client, []slog.Attr, *openapi.Error) {
	// The secret would prove a backend, unless the platform names a user.
	switch caller := openapi.CallerFrom(ctx).WithProof(); {
	case !caller.IsBackend():
		return nil, nil, nil, caller.Refused()
	case len(h.Clients) == 0:
		return nil, nil, nil, closedDoor
	case c.GrantType != "client_credential":
		return nil, nil, nil, badGrantType
	case c.AppID == "":
		return nil, nil, nil, noAppID
	case c.Secret == "":
		return nil, nil, nil, noSecret
	}
	h.index.Do(func() { h.bySecret = clientsBySecret(h.Clients) })
	client, known := h.bySecret.Find(c.Secret)
	if !known {
		return nil, nil, []slog.Attr{slog.String("reason", "no client has this secret")}, badSecret
	}
	var log []slog.Attr
	if client.Name != "" {
		log = append(log, slog.String("client", client.Name))
	}
	if !client.May(c.AppID) {
		return nil, nil, append(log, slog.String("reason", "the client has no right to this app")), badSecret
	}
	source := h.Apps[c.AppID]
	if source == nil {
		return nil, nil, append(log, slog.String("reason", "there is no such app")), badAppID
	}
	return source, client, append(log, slog.String("appid", c.AppID)), nil
}
