// Command verify is the function openapi.soter.verifySignature, for AWS Lambda
// and Tencent SCF.
package main

import (
	"context"
	"log/slog"

	"sotercall/internal/authkeys"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
)

func main() { function.Main("verify", build) }

// build wires the function as it is configured.
func build(environment map[string]string, log *slog.Logger, level *slog.LevelVar) function.API {
	s, err := readSettings(environment)
	var p parts
	if err == nil {
		level.Set(s.LogLevel)
		p, err = assemble(s, log)
	}
	if err != nil {
		log.Error("the configuration cannot be used", "error", err.Error())
		p = parts{verifier: unconfigured{err}, gate: function.Bearer(nil)}
	}
	return api(p)
}

// api puts the call behind the doors.
func api(p parts) function.API {
	handler := &openapi.Handler{Verifier: p.verifier, Observe: observe}
	direct := func(ctx context.Context, event []byte) []byte { return handler.CloudCall(ctx, event).CloudCall() }
	if p.enroll != nil {
		direct = orEnroll(p.enroll, direct)
	}
	http := handler.HTTP(p.gate, p.tokens)
	if p.platformToken {
		http = withPlatformToken(http)
	}
	return function.API{
		Direct:     direct,
		HTTP:       http,
		BadRequest: handler.BadRequest,
		Timer: func(ctx context.Context, _ []byte) []byte {
			return handler.NoQuestion(ctx).CloudCall()
		},
		Warm: p.warm,
	}
}

// orEnroll serves the second call of the direct door, where keys are our own.
func orEnroll(enroll *authkeys.EnrollHandler, verify func(context.Context, []byte) []byte) func(context.Context, []byte) []byte {
	return func(ctx context.Context, event []byte) []byte {
		if authkeys.IsEnroll(event) {
			return enroll.Call(ctx, event)
		}
		return verify(ctx, event)
	}
}

// observe puts the outcome into the invocation's log line.
func observe(ctx context.Context, r openapi.Request, a openapi.Answer) {
	entry := journal.From(ctx)
	entry.Set("errCode", a.Code())
	entry.Set("isOk", a.IsOK())
	entry.Set("outcome", outcome(a))
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

func observeEnrolment(ctx context.Context, openid string, e *openapi.Error) {
	entry := journal.From(ctx)
	entry.Set("call", authkeys.EnrollName)
	entry.Set("openid", openapi.MaskOpenID(openid))
	entry.Set("outcome", "enrolled")
	if e != nil {
		entry.Set("outcome", "error")
		entry.Set("errCode", e.Code)
		entry.Set("error", e.Error())
	}
}

// outcome names the three ways in which a question ends.
func outcome(a openapi.Answer) string {
	switch {
	case a.Err != nil:
		return "error"
	case a.IsOK():
		return "genuine"
	default:
		return "wrong"
	}
}

// unconfigured answers every question with what is wrong with the configuration.
type unconfigured struct{ err error }

func (u unconfigured) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Verdict{}, openapi.NewError(openapi.CodeSystem, "the function is not configured: "+u.err.Error(), nil)
}
