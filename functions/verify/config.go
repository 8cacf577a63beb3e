package main

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"sotercall/internal/secret"
)

// config is all that the function can be told, by environment variables. README,
// "Configuration", explains each.
type config struct {
	AppID           string        `env:"WECHAT_APPID"`
	AppSecret       secret.Text   `env:"WECHAT_APPSECRET"`
	APIBaseText     string        `env:"WECHAT_API_BASE" envDefault:"https://api.weixin.qq.com"`
	TokenBaseText   string        `env:"WECHAT_TOKEN_BASE"`
	AccessTokenMode string        `env:"ACCESS_TOKEN_MODE" envDefault:"stable"`
	Verifier        string        `env:"SOTER_VERIFIER" envDefault:"wechat"`
	HTTPAuth        string        `env:"HTTP_AUTH" envDefault:"bearer"`
	BearerTokens    []secret.Text `env:"HTTP_BEARER_TOKENS"`
	LogLevel        string        `env:"LOG_LEVEL" envDefault:"info"`

	apiBase, tokenBase *url.URL
}

// readConfig reads the configuration, and refuses what cannot work with a
// message that names the variables and no value.
func readConfig(environment map[string]string) (config, error) {
	var c config
	if err := env.ParseWithOptions(&c, env.Options{Environment: environment}); err != nil {
		return config{}, errors.New("the variables cannot be read") // the library quotes values
	}
	if c.TokenBaseText == "" {
		c.TokenBaseText = c.APIBaseText
	}
	var problems [8]string
	c.apiBase, problems[0] = address("WECHAT_API_BASE", c.APIBaseText)
	c.tokenBase, problems[1] = address("WECHAT_TOKEN_BASE", c.TokenBaseText)
	problems[2] = required("WECHAT_APPID", c.AppID != "")
	problems[3] = required("WECHAT_APPSECRET", !c.AppSecret.IsZero())
	problems[4] = oneOf("ACCESS_TOKEN_MODE", c.AccessTokenMode, "stable", "classic")
	problems[5] = oneOf("SOTER_VERIFIER", c.Verifier, "wechat")
	problems[6] = oneOf("HTTP_AUTH", c.HTTPAuth, "bearer", "platform")
	problems[7] = oneOf("LOG_LEVEL", c.LogLevel, "debug", "info", "warn", "error")
	found := slices.DeleteFunc(problems[:], func(p string) bool { return p == "" })
	if len(found) > 0 {
		return config{}, errors.New(strings.Join(found, "; "))
	}
	return c, nil
}

func required(name string, present bool) string {
	if present {
		return ""
	}
	return name + " is not set"
}

// address reads the base address of an API. Secrets travel there: in the clear
// to this machine only.
func address(name, text string) (*url.URL, string) {
	base, err := url.Parse(text)
	if err == nil {
		host := base.Hostname()
		loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
		if host != "" && (base.Scheme == "https" || base.Scheme == "http" && loopback) {
			return base, ""
		}
	}
	return nil, name + " must be an https address (http only to this machine)"
}

func oneOf(name, value string, allowed ...string) string {
	if slices.Contains(allowed, value) {
		return ""
	}
	return name + " must be one of " + strings.Join(allowed, ", ")
}
