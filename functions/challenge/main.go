// Command challenge is the function openapi.soter.issueChallenge, for AWS Lambda
// and Tencent SCF.
package main

import (
	"log/slog"
	"time"

	"sotercall/internal/challenge"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
)

func main() { function.Main("challenge", build) }

// build wires the function as it is configured.
func build(environment map[string]string, _ *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	s, err := readSettings(environment)
	var issuer *challenge.Issuer
	var gate openapi.Gate
	if err == nil {
		level.Set(s.LogLevel)
		gate = function.Gate(s.HTTPAuth, s.BearerTokens)
		issuer, err = challenge.NewIssuer(s.ChallengeSecret, s.ChallengeTTL, time.Now)
	}
	return function.Function{BasePath: s.BasePath, Calls: []openapi.Call{challenge.IssueCall(issuer, gate)}}, err
}
