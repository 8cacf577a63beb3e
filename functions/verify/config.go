package main

import (
	"log/slog"
	"net/url"

	"sotercall/internal/challenge"
	"sotercall/internal/config"
	"sotercall/internal/secret"
)

// settings are all that the function can be told, by environment variables.
// README, "Configuration", explains each.
type settings struct {
	AppID           string                  `env:"WECHAT_APPID"`
	AppSecret       secret.Text             `env:"WECHAT_APPSECRET"`
	APIBase         []string                `env:"WECHAT_API_BASE" envDefault:"https://api.weixin.qq.com,https://api2.weixin.qq.com"`
	TokenBase       []string                `env:"WECHAT_TOKEN_BASE"`
	AccessTokenMode string                  `env:"ACCESS_TOKEN_MODE" envDefault:"stable"`
	Verifier        string                  `env:"SOTER_VERIFIER" envDefault:"wechat"`
	ChallengeSecret []secret.Text           `env:"CHALLENGE_SECRET"`
	CounterPolicy   challenge.CounterPolicy `env:"COUNTER_POLICY" envDefault:"log"`
	AuthKeysFile    string                  `env:"AUTHKEYS_FILE"`
	RedisURL        secret.Text             `env:"REDIS_URL"`
	HTTPAuth        string                  `env:"HTTP_AUTH" envDefault:"bearer"`
	BearerTokens    []secret.Text           `env:"HTTP_BEARER_TOKENS"`
	LogLevel        slog.Level              `env:"LOG_LEVEL" envDefault:"info"`

	apiBases, tokenBases []*url.URL
}

// readSettings reads the variables, and refuses what cannot work.
func readSettings(environment map[string]string) (settings, error) {
	var s settings
	if err := config.Read(&s, environment); err != nil {
		return settings{}, err
	}
	var check config.Check
	s.apiBases = check.Addresses("WECHAT_API_BASE", s.APIBase)
	s.tokenBases = check.Addresses("WECHAT_TOKEN_BASE", s.TokenBase) // none: the API's
	check.OneOf("ACCESS_TOKEN_MODE", s.AccessTokenMode, "stable", "classic", "cloudbase")
	check.OneOf("SOTER_VERIFIER", s.Verifier, "wechat", "cloudcall", "local")
	check.OneOf("HTTP_AUTH", s.HTTPAuth, "bearer", "platform")
	if s.Verifier == "wechat" && s.AccessTokenMode != "cloudbase" {
		check.Required("WECHAT_APPID", s.AppID != "")
		check.Required("WECHAT_APPSECRET", !s.AppSecret.IsZero())
	}
	if s.Verifier == "local" {
		check.Required("AUTHKEYS_FILE or REDIS_URL", s.AuthKeysFile != "" || !s.RedisURL.IsZero())
	}
	return s, check.Err()
}
