package accesstoken

import (
	"context"
	"errors"
	"net/url"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// maxBody bounds a request; real ones have about 150 bytes.
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
	closedDoor   = openapi.NewError(openapi.CodeNoPermission, "the HTTP door is closed: set TOKEN_CLIENT_SECRETS", nil)
)

// credentials are what a client presents.
type credentials struct {
	GrantType    string `json:"grant_type"`
	AppID        string `json:"appid"`
	Secret       string `json:"secret"`
	ForceRefresh bool   `json:"force_refresh"`
	// StaleToken is a field of our own: a token that WeChat has refused, and that the
	// client wants another one for. Whoever names it forces nothing.
	StaleToken secret.Text `json:"stale_token"`
	// Doubt, another, says why that token may be good all the same: it is replaced if
	// there is another one already, and nothing is forced.
	Doubt Doubt `json:"doubt"`
}

func (h *Handler) classic(ctx context.Context, asked openapi.Asked) openapi.Result {
	return h.give(ctx, fromQuery(asked.HTTP.URL.Query()))
}

func (h *Handler) stable(ctx context.Context, asked openapi.Asked) openapi.Result {
	presented, refused := fromBody(asked)
	if refused != nil {
		return openapi.Refused(refused)
	}
	return h.give(ctx, presented)
}

func fromQuery(query url.Values) credentials {
	return credentials{GrantType: query.Get("grant_type"), AppID: query.Get("appid"), Secret: query.Get("secret")}
}

func fromBody(asked openapi.Asked) (credentials, *openapi.Error) {
	body, refused := asked.Body()
	switch {
	case refused != nil, len(body) > maxBody:
		return credentials{}, badBody
	case len(body) == 0:
		return credentials{}, noBody
	}
	var c credentials
	if json.Unmarshal(body, &c) != nil { // its error could quote the secret
		return credentials{}, badBody
	}
	return c, nil
}

// give answers a client that may have the token with it.
func (h *Handler) give(ctx context.Context, c credentials) openapi.Result {
	if refused := h.admit(ctx, c); refused != nil {
		return openapi.Refused(refused)
	}
	var token Token
	var err error
	switch {
	case !c.StaleToken.IsZero() && c.Doubt != "":
		if token, err = h.Source.Renew(ctx, c.StaleToken, c.Doubt); errors.Is(err, ErrStale) {
			token, err = h.Source.Token(ctx)
		}
	case !c.StaleToken.IsZero():
		token, err = h.Source.Refresh(ctx, c.StaleToken)
	case c.ForceRefresh:
		token, err = h.Source.Force(ctx)
	default:
		token, err = h.Source.Token(ctx)
	}
	if err != nil {
		return openapi.Refused(callError(err))
	}
	return given(struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}{token.Value.Reveal(), h.expiresIn(token)})
}

func (h *Handler) admit(ctx context.Context, c credentials) *openapi.Error {
	admitted := false
	for _, secret := range h.ClientSecrets { // all of them, whichever matches
		admitted = secret.Matches(c.Secret) || admitted
	}
	// The secret will prove a backend, unless the platform names a user.
	switch caller := openapi.CallerFrom(ctx).WithProof(); {
	case !caller.IsBackend():
		return caller.Refused()
	case len(h.ClientSecrets) == 0:
		return closedDoor
	case c.GrantType != "client_credential":
		return badGrantType
	case c.AppID == "":
		return noAppID
	case c.AppID != h.AppID:
		return badAppID
	case c.Secret == "":
		return noSecret
	case !admitted:
		return badSecret
	}
	return nil
}
