// Command token is the function that keeps the access_token for all others, for
// AWS Lambda and Tencent SCF.
package main

import (
	"context"
	"log/slog"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/function"
	"sotercall/internal/redis"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

func main() { function.Main("token", build) }

// build wires the function as it is configured.
func build(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	s, err := readSettings(environment)
	handler := &accesstoken.Handler{AppID: s.AppID, ClientSecrets: s.ClientSecrets, Now: time.Now}
	if err == nil {
		level.Set(s.LogLevel)
		handler.Source, err = source(s, log)
	}
	return function.Function{
		BasePath: s.BasePath,
		Calls:    handler.Calls(),
		Warm:     func(ctx context.Context) { _, _ = handler.Source.Token(ctx) },
	}, err
}

func source(s settings, log *slog.Logger) (accesstoken.Forcer, error) {
	scrub := secret.NewScrubber(s.secrets()...)
	var store *redis.Store // nil without REDIS_URL
	if !s.RedisURL.IsZero() {
		var err error
		if store, err = redis.Open(s.RedisURL); err != nil {
			return nil, err
		}
		store.Scrub = scrub
	}
	client := wechat.New(time.Now)
	client.Scrub = scrub
	return client.Tokens(wechat.TokenConfig{
		Base:        client.Hosts(s.apiBases...),
		Credentials: wechat.Credentials{AppID: s.AppID, AppSecret: s.AppSecret},
		Classic:     s.AccessTokenMode == "classic",
		Store:       accesstoken.StoreOf(store, s.AppID),
		Log:         log,
	}), nil
}
