// Command token is the function that keeps the access_token for all others, for
// AWS Lambda and Tencent SCF.
package main

import (
	"context"
	"log/slog"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/redis"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

func main() { function.Main("token", build) }

// build wires the function as it is configured.
func build(environment map[string]string, log *slog.Logger, level *slog.LevelVar) function.API {
	handler := &accesstoken.Handler{Now: time.Now, Observe: observe}
	s, err := readSettings(environment)
	if err == nil {
		level.Set(s.LogLevel)
		handler.AppID, handler.ClientSecrets = s.AppID, s.ClientSecrets
		handler.Source, err = source(s, log)
	}
	if err != nil {
		log.Error("the configuration cannot be used", "error", err.Error())
		handler.Source = unconfigured{err}
	}
	return function.API{
		Direct:     handler.Direct,
		HTTP:       handler,
		BadRequest: handler.BadRequest,
		Timer:      handler.Timer,
		Warm:       func(ctx context.Context) { _, _ = handler.Source.Token(ctx) },
	}
}

func source(s settings, log *slog.Logger) (accesstoken.Forcer, error) {
	var store *redis.Store // nil without REDIS_URL
	if !s.RedisURL.IsZero() {
		var err error
		if store, err = redis.Open(s.RedisURL); err != nil {
			return nil, err
		}
	}
	client := wechat.New(time.Now)
	return client.Tokens(wechat.TokenConfig{
		Base:        client.Hosts(s.apiBases...),
		Credentials: wechat.Credentials{AppID: s.AppID, AppSecret: s.AppSecret},
		Classic:     s.AccessTokenMode == "classic",
		Store:       accesstoken.StoreOf(store, s.AppID),
		Log:         log,
	}), nil
}

// observe puts the outcome into the invocation's log line.
func observe(ctx context.Context, errCode int, err error) {
	entry := journal.From(ctx)
	entry.Set("errCode", errCode)
	entry.Set("outcome", "ok")
	if err != nil {
		entry.Set("outcome", "error")
		entry.Set("error", err.Error())
	}
}

// unconfigured answers every question with what is wrong with the configuration.
type unconfigured struct{ err error }

func (u unconfigured) Token(context.Context) (accesstoken.Token, error) {
	return accesstoken.Token{}, openapi.NewError(openapi.CodeSystem, "the function is not configured: "+u.err.Error(), nil)
}

func (u unconfigured) Refresh(ctx context.Context, _ secret.Text) (accesstoken.Token, error) {
	return u.Token(ctx)
}

func (u unconfigured) Renew(ctx context.Context, _ secret.Text, _ accesstoken.Doubt) (accesstoken.Token, error) {
	return u.Token(ctx)
}

func (u unconfigured) Force(ctx context.Context) (accesstoken.Token, error) { return u.Token(ctx) }
