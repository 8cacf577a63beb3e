package wiring

import (
	"context"
	"log/slog"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/function"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

// Token is the function that keeps the access_token for all others.
func Token(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	s, err := readTokenSettings(environment)
	handler := &accesstoken.Handler{AppID: s.AppID, ClientSecrets: s.ClientSecrets, Now: time.Now}
	if err == nil {
		level.Set(s.LogLevel)
		handler.Source, err = tokenFunctionSource(s, environment, log)
	}
	return function.Function{
		BasePath: s.BasePath,
		Calls:    handler.Calls(),
		Warm:     func(ctx context.Context) { _, _ = handler.Source.Token(ctx) },
	}, err
}

func tokenFunctionSource(s tokenSettings, environment map[string]string, log *slog.Logger) (accesstoken.Forcer, error) {
	scrub := secret.NewScrubber(s.secrets()...)
	store, err := openStore(s.store(), environment, scrub)
	if err != nil {
		return nil, err
	}
	client := wechat.New(time.Now)
	client.Scrub = scrub
	return client.Tokens(wechat.TokenConfig{
		Base:        client.Hosts(s.apiBases...),
		Credentials: wechat.Credentials{AppID: s.AppID, AppSecret: s.AppSecret},
		Classic:     s.AccessTokenMode == "classic",
		Store:       store.tokensOf(s.AppID),
		Log:         log,
	}), nil
}
