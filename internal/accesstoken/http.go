package accesstoken

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// WeChat's codes and texts at the token endpoints (getAccessToken,
// getStableAccessToken).
var (
	badGrantType  = openapi.Upstream(40002, "invalid grant_type")
	badAppID      = openapi.Upstream(40013, "invalid appid")
	badSecret     = openapi.Upstream(40125, "invalid appsecret")
	noAppID       = openapi.Upstream(41002, "appid missing")
	noSecret      = openapi.Upstream(41004, "appsecret missing")
	notPost       = openapi.Upstream(43002, "require POST method")
	noBody        = openapi.Upstream(44002, "empty post data")
	badBody       = openapi.Upstream(47001, "data format error")
	closedDoor    = openapi.NewError(openapi.CodeNoPermission, "the HTTP door is closed: set TOKEN_CLIENT_SECRETS", nil)
	noSuchAddress = openapi.NewError(openapi.CodeInvalidParam, "there is no such path", nil)
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

// ServeHTTP implements http.Handler: WeChat's two calls, answered with status 200
// as WeChat does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, ClassicPath):
		h.give(w, r, fromQuery(r.URL.Query()))
	case strings.HasSuffix(path, StablePath):
		presented, refused := fromBody(r)
		if refused != nil {
			h.failure(w, r, http.StatusOK, refused)
			return
		}
		h.give(w, r, presented)
	default:
		h.failure(w, r, http.StatusNotFound, noSuchAddress)
	}
}

func fromQuery(query url.Values) credentials {
	return credentials{GrantType: query.Get("grant_type"), AppID: query.Get("appid"), Secret: query.Get("secret")}
}

func fromBody(r *http.Request) (credentials, *openapi.Error) {
	if r.Method != http.MethodPost {
		return credentials{}, notPost
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return credentials{}, badBody
	}
	if len(body) == 0 {
		return credentials{}, noBody
	}
	var c credentials
	if json.Unmarshal(body, &c) != nil { // its error could quote the secret
		return credentials{}, badBody
	}
	return c, nil
}

// give answers a client that may have the token with it.
func (h *Handler) give(w http.ResponseWriter, r *http.Request, c credentials) {
	if refused := h.admit(r, c); refused != nil {
		h.failure(w, r, http.StatusOK, refused)
		return
	}
	var token Token
	var err error
	switch {
	case !c.StaleToken.IsZero() && c.Doubt != "":
		if token, err = h.Source.Renew(r.Context(), c.StaleToken, c.Doubt); errors.Is(err, ErrStale) {
			token, err = h.Source.Token(r.Context())
		}
	case !c.StaleToken.IsZero():
		token, err = h.Source.Refresh(r.Context(), c.StaleToken)
	case c.ForceRefresh:
		token, err = h.Source.Force(r.Context())
	default:
		token, err = h.Source.Token(r.Context())
	}
	if err != nil {
		h.failure(w, r, http.StatusOK, err)
		return
	}
	h.observe(r.Context(), 0, nil)
	openapi.WriteJSON(w, http.StatusOK, marshal(struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}{token.Value.Reveal(), h.expiresIn(token)}))
}

func (h *Handler) admit(r *http.Request, c credentials) *openapi.Error {
	admitted := false
	for _, secret := range h.ClientSecrets { // all of them, whichever matches
		admitted = secret.Matches(c.Secret) || admitted
	}
	switch {
	case openapi.CallerFrom(r.Context()) != (openapi.Caller{}):
		return openapi.NewError(openapi.CodeIllegalSource, "a page gets no access_token", nil)
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

func (h *Handler) failure(w http.ResponseWriter, r *http.Request, status int, err error) {
	e := h.refused(r.Context(), err)
	openapi.WriteJSON(w, status, marshal(struct {
		ErrCode int    `json:"errcode"`
		ErrMsg  string `json:"errmsg"`
	}{e.Code, e.Message}))
}
