package sandbox

import (
	"fmt"
	"net/http"

	"sotercall/internal/wechat/cloudcall"
)

// Credentials are the AppID and AppSecret of a Mini Program or an Official
// Account.
type Credentials struct {
	AppID, AppSecret string
}

// App is one of the Mini Programs and Official Accounts of a Sandbox. New makes them. Each
// has its own tokens and users: an openid belongs to one app, and verify_signature replies
// 40003 for another app's. It is safe for concurrent use.
type App struct {
	sandbox    *Sandbox
	id, secret string
	tokens     *tokens
}

// newApps makes the default app and the others.
func (s *Sandbox) newApps(o Options) error {
	s.apps = make(map[string]*App)
	for i, c := range append([]Credentials{{o.AppID, o.AppSecret}}, o.Apps...) {
		if c.AppID == "" || c.AppSecret == "" {
			return fmt.Errorf("%w: an app without AppID or AppSecret", ErrArgument)
		}
		if s.apps[c.AppID] != nil {
			return fmt.Errorf("%w: app %q is duplicated", ErrArgument, c.AppID)
		}
		app := &App{sandbox: s, id: c.AppID, secret: c.AppSecret, tokens: newTokens(o)}
		if i == 0 {
			s.app = app
			app.tokens.first = o.FirstToken
		}
		s.apps[c.AppID] = app
	}
	return nil
}

// App returns the app with that AppID; for "" the first one, that of Options.AppID. The
// error is ErrArgument.
func (s *Sandbox) App(appID string) (*App, error) {
	if appID == "" {
		return s.app, nil
	}
	if app := s.apps[appID]; app != nil {
		return app, nil
	}
	return nil, fmt.Errorf("%w: the sandbox knows no app %q", ErrArgument, appID)
}

// AppID returns the app's AppID.
func (a *App) AppID() string { return a.id }

// RevokeTokens is Sandbox.RevokeTokens for this app alone.
func (a *App) RevokeTokens() { a.tokens.revoke() }

// RotateTokens is Sandbox.RotateTokens for this app alone.
func (a *App) RotateTokens() { a.tokens.rotate() }

// CloudbaseAccessToken returns a new token for the URL parameter cloudbase_access_token,
// valid for 30 minutes. A platform puts such tokens into the environment of a function
// (WeChat cloud documentation, page "cloudcall").
func (a *App) CloudbaseAccessToken() string { return a.tokens.cloudbase() }

// owns reports whether a phone's user is one of this app. Phones enrolled before there were
// several apps belong to the first one.
func (a *App) owns(r record) bool {
	return r.AppID == a.id || r.AppID == "" && a == a.sandbox.app
}

// appOfToken returns the app that the token belongs to, and an errcode if the token is not
// valid.
func (s *Sandbox) appOfToken(text string) (*App, int) {
	for _, app := range s.apps {
		if code, known := app.tokens.check(text); known {
			return app, code
		}
	}
	return nil, codeBadToken
}

// appOf returns the AppID of the app that a request concerns; "" if it concerns no known
// one.
func (s *Sandbox) appOf(r *http.Request, body []byte) string {
	if app, ok := r.Context().Value(appKey{}).(*App); ok {
		return app.id
	}
	query := r.URL.Query()
	var app *App
	switch r.URL.Path {
	case cloudcall.Path:
		app = s.app
	case classicPath:
		app = s.apps[query.Get("appid")]
	case stablePath:
		if m, err := parseMembers(body); err == nil {
			id, _ := m.text("appid") // a value that is no text names no app
			app = s.apps[id]
		}
	default:
		app, _ = s.appOfToken(tokenOf(query))
	}
	if app == nil {
		return ""
	}
	return app.id
}
