// Command challenge is the function openapi.soter.issueChallenge, for AWS Lambda
// and Tencent SCF.
package main

import (
	"context"
	"log/slog"
	"time"

	"sotercall/internal/challenge"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
)

func main() { function.Main("challenge", build) }

// build wires the function as it is configured.
func build(environment map[string]string, log *slog.Logger, level *slog.LevelVar) function.API {
	handler := &challenge.Handler{Observe: observe}
	gate := function.Bearer(nil)
	s, err := readSettings(environment)
	if err == nil {
		level.Set(s.LogLevel)
		gate = function.Gate(s.HTTPAuth, s.BearerTokens)
		handler.Issuer, err = challenge.NewIssuer(s.ChallengeSecret, s.ChallengeTTL, time.Now)
	}
	if err != nil {
		log.Error("the configuration cannot be used", "error", err.Error())
		handler.Unconfigured = err
	}
	return function.API{
		BasePath:   s.BasePath,
		Direct:     handler.Call,
		Refuse:     handler.Refuse,
		HTTP:       handler.HTTP(gate),
		BadRequest: handler.BadRequest,
		Timer:      handler.Timer,
	}
}

// observe puts the outcome into the invocation's log line.
func observe(ctx context.Context, openid string, e *openapi.Error) {
	entry := journal.From(ctx)
	if openid != "" {
		entry.Set("openid", openapi.MaskOpenID(openid))
	}
	if e == nil {
		entry.Set("errCode", 0)
		entry.Set("outcome", "ok")
		return
	}
	entry.Set("outcome", "error")
	entry.Set("errCode", e.Code)
	entry.Set("error", e.Error())
}
