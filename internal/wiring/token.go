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

// Token is the function that keeps the access_tokens for all others.
func Token(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	s, err := readTokenSettings(environment)
	var caches accesstoken.Apps
	if err == nil {
		level.Set(s.LogLevel)
		caches, err = tokenCaches(s, environment, log)
	}
	f := function.Function{BasePath: s.BasePath, Calls: tokenHandler(s, caches, log).Calls()}
	if len(caches) == 1 { // of several, most may not be asked for
		f.Warm = func(ctx context.Context) {
			for _, cache := range caches {
				_, _ = cache.Token(ctx)
			}
		}
	}
	return f, err
}

func tokenHandler(s tokenSettings, caches accesstoken.Apps, log *slog.Logger) *accesstoken.Handler {
	h := &accesstoken.Handler{Apps: managed(caches), Clients: clientsOf(s.ClientSecrets, s.apps), Now: time.Now, Log: log}
	if len(s.BearerTokens) > 0 {
		h.Operators = function.Bearer(s.BearerTokens)
	}
	return h
}

func tokenCaches(s tokenSettings, environment map[string]string, log *slog.Logger) (accesstoken.Apps, error) {
	scrub := secret.NewScrubber(s.secrets()...)
	store, err := openStore(s.Store, environment, scrub)
	if err != nil {
		return nil, err
	}
	client := wechat.New(time.Now)
	client.Scrub = scrub
	return tokenPlace{clients: clientsFor(s.apps, client), hosts: client.Hosts(s.apiBases...), store: store, log: log}.caches(s.apps), nil
}
