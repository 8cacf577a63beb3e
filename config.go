package sotercall

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Config says what a Service is for. Apps is all that must be set. In parentheses stands the
// variable of the deployed functions that means the same; messages that the Service logs or
// answers name settings by these.
//
// Variables without a field here concern deployments that are not a program of one's own:
// Cloud Calls and AuthKeys of one's own (SOTER_VERIFIER), the central token server
// (TOKEN_CLIENT_SECRETS), the platform's own token (ACCESS_TOKEN_MODE=cloudbase), and the
// HTTP server (PORT and others). [FromEnv] takes most of them.
type Config struct {
	// Apps are the Mini Programs whose users sign. With several, each request names one.
	Apps []App

	// Store is what all instances share (REDIS_URL, DYNAMODB_TABLE). With nil, the Service
	// uses its own memory: a second instance then accepts a challenge once more.
	Store *Store

	// ChallengeSecrets sign challenges (CHALLENGE_SECRET): at least 32 bytes each, the same
	// in all instances, and no other secret. The first signs, and all are accepted, so that
	// one can be replaced. Without any, no challenge is issued, and [Service.Verify] accepts
	// a signature again and again: the caller must then compare
	// [Verification.Challenge] with a challenge of its own.
	ChallengeSecrets []string
	// ChallengeTTL is how long a challenge may be answered (CHALLENGE_TTL): 1 second to 1
	// hour; 2 minutes if it is 0.
	ChallengeTTL time.Duration
	// RequirePurpose refuses requests that name no purpose (CHALLENGE_PURPOSE=required).
	RequirePurpose bool
	// EnforceCounter refuses a signature whose counter has not grown since the device signed
	// last (COUNTER_POLICY=enforce). It needs a Store. Otherwise that is logged as
	// possible_clone.
	EnforceCounter bool

	// TokenServer is the base address of a central token server of this project, which gives
	// out the access_tokens (WECHAT_TOKEN_BASE). AppSecret is then a secret of one of its
	// clients. Empty: WeChat gives them.
	TokenServer string
	// OpenAPIService sends requests to WeChat's open API service (开放接口服务), which runs
	// beside a container in WeChat Cloud Hosting and adds the credentials
	// (ACCESS_TOKEN_MODE=none). Apps must be empty.
	OpenAPIService bool
	// APIBases are the base addresses of WeChat's API in the order of preference
	// (WECHAT_API_BASE): https://api.weixin.qq.com and https://api2.weixin.qq.com if there
	// are none. Tests set the address of a stand-in. http is for loopback only.
	APIBases []string
	// CleartextHosts are hosts, with or without a port, that secrets may travel to by http,
	// such as a TokenServer in one's own network (CLEARTEXT_HOSTS).
	CleartextHosts []string

	// Auth says who may use [Service.Handler]. The zero value lets nobody in.
	Auth Auth

	// Logger gets one line for each call, at level Info, and warnings; nil stands for
	// [slog.Default]. No line holds a secret or a
	// whole openid.
	Logger *slog.Logger

	// Transport reaches WeChat and the TokenServer, not the Store; nil stands for one of the
	// Service's own, which observes HTTPS_PROXY. It must verify certificates, since secrets
	// travel by it, follow no redirect, and send a request once.
	//
	// It should speak HTTP/1.1 only ([http.Transport.Protocols]): on a connection for each
	// concurrent request, a dead one is noticed at once, while one HTTP/2 connection takes
	// all requests with it. It should have a method CloseIdleConnections, which the Service
	// calls when a connection was found dead, and call the hooks of net/http/httptrace.
	Transport http.RoundTripper
}

// App is a Mini Program, or an Official Account.
type App struct {
	AppID string // wx and 16 of 0-9 and a-f (WECHAT_APPID)
	// AppSecret fetches its access_tokens (WECHAT_APPSECRET).
	AppSecret string
	// Classic fetches them by getAccessToken in place of getStableAccessToken
	// (ACCESS_TOKEN_MODE=classic). Each fetch retires the token before, so that nothing else
	// may fetch for the same app.
	Classic bool
}

// Auth says whose requests [Service.Handler] answers (HTTP_AUTH). Whoever is let in as a
// backend may name any user. A path of WeChat's HTTPS API takes an access_token instead.
type Auth struct {
	// BearerTokens are secrets of backends, at least 16 bytes each: a request must carry one
	// as "Authorization: Bearer …" (HTTP_BEARER_TOKENS).
	BearerTokens []string
	// TrustWeChatHeaders takes the user from X-WX-OPENID and the other headers that WeChat
	// Cloud Hosting sets for wx.cloud.callContainer (HTTP_AUTH=wechat). Anybody who reaches
	// the port can write them: set it only where WeChat alone does, with public access
	// switched off. BearerTokens work beside it.
	TrustWeChatHeaders bool
	// TrustEveryRequest takes each request for one of the program's own backend
	// (HTTP_AUTH=platform). Set it only where other code has checked who calls.
	TrustEveryRequest bool
}

// mode is the Auth as HTTP_AUTH words it.
func (a Auth) mode() (string, error) {
	switch {
	case a.TrustEveryRequest && (a.TrustWeChatHeaders || len(a.BearerTokens) > 0):
		return "", errors.New("sotercall: Auth.TrustEveryRequest must be the only field of Auth: set one way")
	case a.TrustEveryRequest:
		return "platform", nil
	case a.TrustWeChatHeaders:
		return "wechat", nil
	}
	return "bearer", nil
}
