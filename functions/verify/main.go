// Command verify is the function openapi.soter.verifySignature, for AWS Lambda
// and Tencent SCF.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/wechat"
)

func main() {
	var level slog.LevelVar
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: &level}))
	handler := function.New(func(environment map[string]string) function.API {
		config, err := readConfig(environment)
		if err != nil {
			log.Error("the configuration cannot be used", "error", err.Error())
			return api(unconfigured{err}, function.Bearer(nil), nil)
		}
		_ = level.UnmarshalText([]byte(config.LogLevel)) // readConfig has checked it
		return build(config, log)
	}, log)
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		handler.Prepare()
	}
	os.Exit(adapter.Start(handler, os.Stderr))
}

// build wires the function as it is configured.
func build(c config, log *slog.Logger) function.API {
	client := wechat.New(time.Now)
	credentials := wechat.Credentials{AppID: c.AppID, AppSecret: c.AppSecret}
	endpoint := client.StableToken(c.tokenBase, credentials)
	if c.AccessTokenMode == "classic" {
		endpoint = client.ClassicToken(c.tokenBase, credentials)
	}
	tokens := accesstoken.NewCache(accesstoken.Config{
		Endpoint: endpoint,
		Store:    new(accesstoken.Memory),
		Classic:  c.AccessTokenMode == "classic",
		Now:      time.Now,
		Log:      log,
	})
	gate := function.Bearer(c.BearerTokens)
	if c.HTTPAuth == "platform" {
		gate = function.Platform
	}
	return api(client.Verifier(c.apiBase, tokens), gate, tokens)
}

func api(verifier openapi.Verifier, gate openapi.Gate, tokens openapi.Tokens) function.API {
	handler := &openapi.Handler{Verifier: verifier, Observe: observe}
	return function.API{
		Direct: func(ctx context.Context, event []byte) []byte {
			return handler.CloudCall(ctx, event).CloudCall()
		},
		HTTP:       handler.HTTP(gate, tokens),
		BadRequest: handler.BadRequest,
		Timer: func(ctx context.Context, _ []byte) []byte {
			return handler.NoQuestion(ctx).CloudCall()
		},
	}
}

// observe puts the outcome into the invocation's log line.
func observe(ctx context.Context, r openapi.Request, a openapi.Answer) {
	entry := journal.From(ctx)
	entry.Set("errCode", a.Code())
	entry.Set("isOk", a.IsOK())
	if r.OpenID != "" {
		entry.Set("openid", openapi.MaskOpenID(r.OpenID))
	}
	if reason := a.Verdict.Reason(); reason != "" {
		entry.Set("reason", reason)
	}
	if a.Err != nil {
		entry.Set("error", a.Err.Error())
	}
}

// unconfigured answers every question with what is wrong with the configuration.
type unconfigured struct{ err error }

func (u unconfigured) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the function is not configured: "+u.err.Error(), nil)
}
