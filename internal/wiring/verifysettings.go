package wiring

import (
	"log/slog"
	"net/url"
	"slices"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// verifySettings are the settings of the function, from environment variables.
// docs/configuration.md explains each.
type verifySettings struct {
	AppID           string        `env:"WECHAT_APPID"`
	AppSecret       secret.Text   `env:"WECHAT_APPSECRET"`
	Apps            secret.Text   `env:"WECHAT_APPS"`
	AppsFile        string        `env:"WECHAT_APPS_FILE"`
	APIBase         []string      `env:"WECHAT_API_BASE" envDefault:"https://api.weixin.qq.com,https://api2.weixin.qq.com"`
	TokenBase       []string      `env:"WECHAT_TOKEN_BASE"`
	CleartextHosts  []string      `env:"CLEARTEXT_HOSTS"`
	AccessTokenMode string        `env:"ACCESS_TOKEN_MODE" envDefault:"stable"`
	Verifier        string        `env:"SOTER_VERIFIER" envDefault:"wechat"`
	ChallengeSecret []secret.Text `env:"CHALLENGE_SECRET"`
	// ChallengePurpose is OptionalPurpose or RequirePurpose; see purpose.
	ChallengePurpose openapi.PurposePolicy   `env:"CHALLENGE_PURPOSE" envDefault:"optional" form:"one of optional, required"`
	CounterPolicy    challenge.CounterPolicy `env:"COUNTER_POLICY" envDefault:"log" form:"one of log, enforce"`
	AuthKeysFile     string                  `env:"AUTHKEYS_FILE"`
	Store            storeSettings
	HTTPAuth         string        `env:"HTTP_AUTH" envDefault:"bearer"`
	BearerTokens     []secret.Text `env:"HTTP_BEARER_TOKENS"`
	BasePath         string        `env:"HTTP_BASE_PATH"`
	LogLevel         slog.Level    `env:"LOG_LEVEL" envDefault:"info" form:"one of debug, info, warn, error"`

	apiBases, tokenBases []*url.URL
	apps                 appSet
}

// readVerifySettings reads the variables, and refuses those that cannot work.
func readVerifySettings(environment map[string]string) (verifySettings, error) {
	var s verifySettings
	if err := readVariables(&s, environment); err != nil {
		return verifySettings{}, err
	}
	var check checker
	check.CleartextHosts("CLEARTEXT_HOSTS", s.CleartextHosts)
	if s.mode().openAPI {
		s.noToken(&check, environment)
	} else {
		s.apiBases = check.Addresses("WECHAT_API_BASE", s.APIBase, s.CleartextHosts...)
	}
	// none: the API's
	s.tokenBases = check.Addresses("WECHAT_TOKEN_BASE", s.TokenBase, s.CleartextHosts...)
	check.OneOf("ACCESS_TOKEN_MODE", s.AccessTokenMode, modeNames(anyMode)...)
	check.OneOf("SOTER_VERIFIER", s.Verifier, "wechat", "cloudcall", "local")
	check.HTTPAuth(s.HTTPAuth, s.BearerTokens)
	check.BasePath("HTTP_BASE_PATH", s.BasePath)
	checkChallengeSecret(&check, s.ChallengeSecret)
	check.Apart("HTTP_BEARER_TOKENS", s.BearerTokens, "CHALLENGE_SECRET", s.ChallengeSecret)
	settings := s.appsSettings()
	if s.asksWeChatItself() && !settings.isDocument() {
		check.Required("WECHAT_APPID", s.AppID != "")
		check.Required("WECHAT_APPSECRET", !s.AppSecret.IsZero())
	}
	if s.fetches() {
		s.apps = settings.read(&check, environment)
	}
	requireDistinct(&check, "HTTP_BEARER_TOKENS", s.BearerTokens, s.apps)
	requireDistinct(&check, "CHALLENGE_SECRET", s.ChallengeSecret, s.apps)
	if s.Verifier == "local" {
		check.Required("AUTHKEYS_FILE, REDIS_URL or DYNAMODB_TABLE", s.AuthKeysFile != "" || s.Store.isSet())
	}
	s.Store.check(&check)
	s.checkUnused(&check, environment)
	s.checkPair(&check)
	if s.asksWeChat() || len(s.apps.Apps) > 0 {
		refusePublic(&check, s.apiBases, s.AppID, s.apps, map[string][]secret.Text{
			"WECHAT_APPSECRET": {s.AppSecret}, "CHALLENGE_SECRET": s.ChallengeSecret, "HTTP_BEARER_TOKENS": s.BearerTokens,
		})
	}
	return s, check.Err()
}

func (s verifySettings) appsSettings() appsSettings {
	return appsSettings{AppID: s.AppID, AppSecret: s.AppSecret, Mode: s.AccessTokenMode, Document: s.Apps, File: s.AppsFile}
}

// fetches reports whether access_tokens are fetched: there is an app to fetch them for, and
// they do not come from the platform.
func (s verifySettings) fetches() bool { return s.mode().fetches() }

// asksWeChatItself reports whether WeChat judges, with fetched tokens.
func (s verifySettings) asksWeChatItself() bool { return s.asksWeChat() && s.fetches() }

// purpose returns the policy on purposes: without challenges, none is possible.
func (s verifySettings) purpose() openapi.PurposePolicy {
	if len(s.ChallengeSecret) == 0 {
		return openapi.RefusePurpose
	}
	return s.ChallengePurpose
}

// served returns the AppIDs that requests may concern; none if the platform decides that.
func (s verifySettings) served() []string {
	if s.Verifier == "cloudcall" {
		return nil
	}
	return s.apps.IDs()
}

// openAPIHost is the host of Cloud Hosting's open API service. It takes calls in the clear
// and without a token: it stands beside the container, and adds the credentials (WeChat
// Cloud Hosting, "open").
const openAPIHost = "api.weixin.qq.com"

// cleartext returns the hosts that secrets are sent to in the clear. The open API service
// of Cloud Hosting gets none.
func (s verifySettings) cleartext() []string {
	hosts := cleartextHosts(s.tokenBases)
	if !s.mode().openAPI {
		hosts = append(hosts, cleartextHosts(s.apiBases)...)
	}
	return hosts
}

// noToken reads the settings of ACCESS_TOKEN_MODE=none.
func (s *verifySettings) noToken(check *checker, environment map[string]string) {
	if environment["WECHAT_API_BASE"] == "" {
		s.APIBase = []string{"http://" + openAPIHost}
	}
	s.apiBases = check.Addresses("WECHAT_API_BASE", s.APIBase, openAPIHost)
	for _, base := range s.apiBases {
		check.That(base != nil && base.Scheme == "http", "WECHAT_API_BASE", "must be an http address with ACCESS_TOKEN_MODE=none: that is where the open API service listens")
	}
}

// asksWeChat reports whether WeChat judges.
func (s verifySettings) asksWeChat() bool { return s.Verifier == "wechat" }

// namesApps reports whether the settings name an app to fetch tokens for, or a part of one.
func (s verifySettings) namesApps() bool {
	return s.AppID != "" || !s.AppSecret.IsZero() || s.appsSettings().isDocument()
}

// checkPair demands both of the variables of one app, or neither if they are optional.
func (s verifySettings) checkPair(check *checker) {
	if s.fetches() && !s.asksWeChat() && !s.appsSettings().isDocument() {
		check.That((s.AppID != "") == !s.AppSecret.IsZero(), "WECHAT_APPID and WECHAT_APPSECRET", "are set together or not at all")
	}
}

// secrets returns those that must be masked in foreign texts, beside each app's own.
func (s verifySettings) secrets() []secret.Text {
	return slices.Concat([]secret.Text{s.Store.RedisURL}, s.ChallengeSecret, s.BearerTokens, clientSecrets(s.apps.Clients))
}
