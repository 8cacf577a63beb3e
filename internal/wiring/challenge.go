package wiring

import (
	"log/slog"

	"sotercall/internal/challenge"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
)

// Challenge is the function openapi.soter.issueChallenge.
func (Openers) Challenge(environment map[string]string, _ *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	return challengeOf(environment, level, nil)
}

// challengeOf is Challenge for the apps that are served; none if that is not known.
func challengeOf(environment map[string]string, level *slog.LevelVar, served []string) (function.Function, error) {
	s, err := readChallengeSettings(environment)
	if err == nil {
		level.Set(s.LogLevel)
	}
	return challengeBy(s, err, served)
}

// challengeBy is challengeOf with settings that have been read, unless err says why not.
func challengeBy(s challengeSettings, err error, served []string) (function.Function, error) {
	var issuer *challenge.Issuer
	var gate openapi.Gate
	if err == nil {
		gate = function.Gate(s.HTTPAuth, s.BearerTokens)
		issuer, err = challenge.NewIssuer(s.ChallengeSecret, s.ChallengeTTL, WallClock)
	}
	return function.Function{BasePath: s.BasePath, Calls: []openapi.Call{challenge.IssueCall(issuer, gate, s.ChallengePurpose, served...)}}, err
}
