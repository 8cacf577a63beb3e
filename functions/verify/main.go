// Command verify is the function openapi.soter.verifySignature, for AWS Lambda
// and Tencent SCF.
package main

import (
	"log/slog"

	"sotercall/internal/authkeys"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
)

func main() { function.Main("verify", build) }

// build wires the function as it is configured.
func build(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	s, err := readSettings(environment)
	var p parts
	if err == nil {
		level.Set(s.LogLevel)
		p, err = assemble(s, log)
	}
	handler := &openapi.Handler{Verifier: p.verifier}
	calls := handler.Calls(p.gate, p.tokens)
	if p.platformToken {
		calls = withPlatformToken(calls)
	}
	if p.local {
		calls = append(calls, authkeys.EnrollCall(p.keys))
	}
	return function.Function{BasePath: s.BasePath, Calls: calls, Warm: p.warm}, err
}
