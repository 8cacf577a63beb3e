package wiring

import (
	"log/slog"
	"net/url"
	"slices"

	"sotercall/internal/secret"
)

// tokenSettings are the settings of the function, from environment variables.
// docs/configuration.md explains each.
type tokenSettings struct {
	AppID           string      `env:"WECHAT_APPID"`
	AppSecret       secret.Text `env:"WECHAT_APPSECRET"`
	Apps            secret.Text `env:"WECHAT_APPS"`
	AppsFile        string      `env:"WECHAT_APPS_FILE"`
	APIBase         []string    `env:"WECHAT_API_BASE" envDefault:"https://api.weixin.qq.com,https://api2.weixin.qq.com"`
	CleartextHosts  []string    `env:"CLEARTEXT_HOSTS"`
	AccessTokenMode string      `env:"ACCESS_TOKEN_MODE" envDefault:"stable"`
	Store           storeSettings
	ClientSecrets   []secret.Text `env:"TOKEN_CLIENT_SECRETS"`
	BearerTokens    []secret.Text `env:"HTTP_BEARER_TOKENS"`
	BasePath        string        `env:"HTTP_BASE_PATH"`
	LogLevel        slog.Level    `env:"LOG_LEVEL" envDefault:"info" form:"one of debug, info, warn, error"`

	apiBases []*url.URL
	apps     appSet
}

// readTokenSettings reads the variables, and refuses those that cannot work.
func readTokenSettings(environment map[string]string) (tokenSettings, error) {
	var s tokenSettings
	if err := readVariables(&s, environment); err != nil {
		return tokenSettings{}, err
	}
	var check checker
	check.CleartextHosts("CLEARTEXT_HOSTS", s.CleartextHosts)
	s.apiBases = check.Addresses("WECHAT_API_BASE", s.APIBase, s.CleartextHosts...)
	check.OneOf("ACCESS_TOKEN_MODE", s.AccessTokenMode, modeNames(tokenMode.fetches)...)
	settings := appsSettings{AppID: s.AppID, AppSecret: s.AppSecret, Mode: s.AccessTokenMode, Document: s.Apps, File: s.AppsFile}
	if !settings.isDocument() {
		check.Required("WECHAT_APPID", s.AppID != "")
		check.Required("WECHAT_APPSECRET", !s.AppSecret.IsZero())
	}
	s.apps = settings.read(&check, environment)
	check.Secrets("TOKEN_CLIENT_SECRETS", s.ClientSecrets)
	check.Secrets("HTTP_BEARER_TOKENS", s.BearerTokens)
	check.BasePath("HTTP_BASE_PATH", s.BasePath)
	s.Store.check(&check)
	check.That(!overlap(s.ClientSecrets, appSecrets(s.apps)), "TOKEN_CLIENT_SECRETS", "must not hold the AppSecret: it stays in this function")
	check.Apart("TOKEN_CLIENT_SECRETS", s.ClientSecrets, "a client in the document", clientSecrets(s.apps.Clients))
	requireDistinct(&check, "HTTP_BEARER_TOKENS", s.BearerTokens, s.apps)
	check.Apart("HTTP_BEARER_TOKENS", s.BearerTokens, "TOKEN_CLIENT_SECRETS", s.ClientSecrets)
	refusePublic(&check, s.apiBases, s.AppID, s.apps, map[string][]secret.Text{
		"WECHAT_APPSECRET": {s.AppSecret}, "TOKEN_CLIENT_SECRETS": s.ClientSecrets, "HTTP_BEARER_TOKENS": s.BearerTokens,
	})
	return s, check.Err()
}

// secrets returns those that must be masked in foreign texts, beside each app's own.
func (s tokenSettings) secrets() []secret.Text {
	return slices.Concat([]secret.Text{s.Store.RedisURL}, s.ClientSecrets, clientSecrets(s.apps.Clients), s.BearerTokens)
}
