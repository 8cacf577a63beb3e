package wiring

import (
	"log/slog"
	"net/url"
	"slices"

	"sotercall/internal/config"
	"sotercall/internal/secret"
)

// tokenSettings are all that the function can be told, by environment variables.
// docs/configuration.md explains each.
type tokenSettings struct {
	AppID           string        `env:"WECHAT_APPID"`
	AppSecret       secret.Text   `env:"WECHAT_APPSECRET"`
	APIBase         []string      `env:"WECHAT_API_BASE" envDefault:"https://api.weixin.qq.com,https://api2.weixin.qq.com"`
	AccessTokenMode string        `env:"ACCESS_TOKEN_MODE" envDefault:"stable"`
	RedisURL        secret.Text   `env:"REDIS_URL"`
	DynamoDBTable   string        `env:"DYNAMODB_TABLE"`
	ClientSecrets   []secret.Text `env:"TOKEN_CLIENT_SECRETS"`
	BasePath        string        `env:"HTTP_BASE_PATH"`
	LogLevel        slog.Level    `env:"LOG_LEVEL" envDefault:"info"`

	apiBases []*url.URL
}

// readTokenSettings reads the variables, and refuses what cannot work.
func readTokenSettings(environment map[string]string) (tokenSettings, error) {
	var s tokenSettings
	if err := config.Read(&s, environment); err != nil {
		return tokenSettings{}, err
	}
	var check config.Check
	s.apiBases = check.Addresses("WECHAT_API_BASE", s.APIBase)
	check.OneOf("ACCESS_TOKEN_MODE", s.AccessTokenMode, "stable", "classic")
	check.Required("WECHAT_APPID", s.AppID != "")
	check.Required("WECHAT_APPSECRET", !s.AppSecret.IsZero())
	check.Secrets("TOKEN_CLIENT_SECRETS", s.ClientSecrets)
	check.BasePath("HTTP_BASE_PATH", s.BasePath)
	s.store().check(&check)
	for _, client := range s.ClientSecrets {
		check.That(!client.Equal(s.AppSecret), "TOKEN_CLIENT_SECRETS", "must not hold the AppSecret: it stays in this function")
	}
	return s, check.Err()
}

func (s tokenSettings) store() storeSettings { return storeSettings{s.RedisURL, s.DynamoDBTable} }

// secrets are those that no text from outside may bring into a log or an answer.
func (s tokenSettings) secrets() []secret.Text {
	return slices.Concat([]secret.Text{s.AppSecret, s.RedisURL}, s.ClientSecrets)
}
