package sotercall

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// Config configures a Service. Only Apps must be set. Each comment names in parentheses the
// variable of the deployed functions with the same meaning. Messages in the Service's log
// and responses name settings by their fields here.
//
// Some variables have no field here, because they concern other deployments than a program
// of one's own:
//
//   - Cloud Calls and AuthKeys of one's own (SOTER_VERIFIER)
//   - the central token server (TOKEN_CLIENT_SECRETS)
//   - the platform's own token (ACCESS_TOKEN_MODE=cloudbase)
//   - the HTTP server (PORT and others)
//
// [FromEnv] takes most of them.
type Config struct {
	// Apps are the Mini Programs of the users. With several, each request names one.
	Apps []App

	// Store is shared by all instances (REDIS_URL, DYNAMODB_TABLE). If it is nil, the
	// Service uses its own memory: a second instance then accepts a challenge once more.
	Store *Store

	// ChallengeSecrets sign challenges (CHALLENGE_SECRET): at least 32 bytes each, the same
	// in all instances, and no other secret. The first signs, and all are accepted, so that
	// one can be replaced. Without any, no challenge is issued, and [Service.Verify]
	// accepts a signature again and again. The caller must then compare
	// [Verification.Challenge] with a challenge of its own.
	ChallengeSecrets []string
	// ChallengeTTL is the life of a challenge (CHALLENGE_TTL): 1 second to 1 hour; 2
	// minutes if it is 0.
	ChallengeTTL time.Duration
	// RequirePurpose refuses requests without a purpose (CHALLENGE_PURPOSE=required).
	RequirePurpose bool
	// EnforceCounter refuses a signature if the device's counter has not grown since its
	// last one (COUNTER_POLICY=enforce). It needs a Store. Otherwise such a signature is
	// only logged, as possible_clone.
	EnforceCounter bool

	// TokenServer is the base address of a central token server of this project, which
	// provides the access_tokens (WECHAT_TOKEN_BASE). AppSecret is then a secret of one of
	// its clients. If it is empty, WeChat provides them.
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

	// Auth is the authorization of [Service.Handler]. The zero value admits no request.
	Auth Auth

	// Logger gets one line for each call, at level Info, and warnings; [slog.Default] if
	// nil. No line holds a secret or a whole openid.
	Logger *slog.Logger

	// Transport sends requests to WeChat and the TokenServer, not to the Store. If it is
	// nil, the Service has its own, which observes HTTPS_PROXY. Secrets pass through it, so
	// it must verify certificates. It must follow no redirect, and send a request once.
	//
	// It should speak HTTP/1.1 only ([http.Transport.Protocols]). With a connection for
	// each concurrent request, a dead one is noticed at once; one dead HTTP/2 connection
	// fails all requests on it. It should have a method CloseIdleConnections, which the
	// Service calls when it finds a dead connection. It should also call the hooks of
	// net/http/httptrace.
	Transport http.RoundTripper
}

// App is a Mini Program, or an Official Account.
type App struct {
	AppID string // wx and 16 of 0-9 and a-f (WECHAT_APPID)
	// AppSecret fetches its access_tokens (WECHAT_APPSECRET).
	AppSecret string
	// Classic fetches them by getAccessToken in place of getStableAccessToken
	// (ACCESS_TOKEN_MODE=classic). Each fetch retires the previous token, so nothing else
	// may fetch for the same app.
	Classic bool
}

// Auth selects the requests that [Service.Handler] serves (HTTP_AUTH). A caller that is
// admitted as a backend may name any user. It does not apply to the path of WeChat's HTTPS
// API, which takes an access_token instead.
type Auth struct {
	// BearerTokens are secrets of backends, at least 16 bytes each: a request must carry one
	// as "Authorization: Bearer …" (HTTP_BEARER_TOKENS).
	BearerTokens []string
	// TrustWeChatHeaders takes the user from X-WX-OPENID and the other headers of
	// wx.cloud.callContainer in WeChat Cloud Hosting (HTTP_AUTH=wechat). Any client that
	// reaches the port can write them. Set it only if WeChat alone can, with public access
	// switched off. BearerTokens work beside it.
	TrustWeChatHeaders bool
	// TrustEveryRequest takes each request for one of the program's own backend
	// (HTTP_AUTH=platform). Set it only if other code has authorized the caller.
	TrustEveryRequest bool
}

// mode returns the value of HTTP_AUTH for the Auth.
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
