package sandbox

import "net/http"

// The paths of getAccessToken and getStableAccessToken.
const (
	classicPath = "/cgi-bin/token"
	stablePath  = "/cgi-bin/stable_token"
)

// tokenReply is a successful reply of both token endpoints, without errcode.
type tokenReply struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
}

// token serves getAccessToken: parameters are in the URL, and each call makes a new token.
func (s *Sandbox) token(r *http.Request, _ []byte) (any, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil, &apiError{code: codeGetRequired}
	}
	q := r.URL.Query()
	app, err := s.checkCredentials(q.Get("grant_type"), q.Get("appid"), q.Get("secret"))
	if err != nil {
		return nil, err
	}
	return app.tokens.fetchClassic(), nil
}

// stableToken is getStableAccessToken: parameters in a JSON body.
func (s *Sandbox) stableToken(r *http.Request, body []byte) (any, error) {
	if r.Method != http.MethodPost {
		return nil, &apiError{code: codePostRequired}
	}
	m, err := parseMembers(body)
	if err != nil {
		return nil, err
	}
	p, err := m.texts("grant_type", "appid", "secret")
	if err != nil {
		return nil, err
	}
	force, err := m.flag("force_refresh")
	if err != nil {
		return nil, err
	}
	app, err := s.checkCredentials(p[0], p[1], p[2])
	if err != nil {
		return nil, err
	}
	return app.tokens.fetchStable(force)
}

// checkCredentials checks the appid first. A wrong secret is 40125. The classic endpoint is
// also documented to reply 40001: inject that as a fault.
func (s *Sandbox) checkCredentials(grantType, appID, secret string) (*App, error) {
	code := 0
	switch app := s.apps[appID]; {
	case appID == "":
		code = codeNoAppID
	case app == nil:
		code = codeBadAppID
	case secret == "":
		code = codeNoSecret
	case grantType != "client_credential":
		code = codeBadGrantType
	case secret != app.secret:
		code = codeBadSecret
	default:
		return app, nil
	}
	return nil, &apiError{code: code}
}
