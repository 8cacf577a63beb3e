package wiring

import (
	"fmt"
	"log/slog"
	"time"

	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

// challengeSettings are the settings of the function, from environment variables.
// docs/configuration.md explains each.
type challengeSettings struct {
	ChallengeSecret []secret.Text `env:"CHALLENGE_SECRET"`
	ChallengeTTL    time.Duration `env:"CHALLENGE_TTL" envDefault:"2m" form:"a duration with its unit, such as 2m or 90s"`
	// ChallengePurpose is OptionalPurpose or RequirePurpose.
	ChallengePurpose openapi.PurposePolicy `env:"CHALLENGE_PURPOSE" envDefault:"optional" form:"one of optional, required"`
	HTTPAuth         string                `env:"HTTP_AUTH" envDefault:"bearer"`
	BearerTokens     []secret.Text         `env:"HTTP_BEARER_TOKENS"`
	BasePath         string                `env:"HTTP_BASE_PATH"`
	LogLevel         slog.Level            `env:"LOG_LEVEL" envDefault:"info" form:"one of debug, info, warn, error"`
}

// readChallengeSettings reads the variables, and refuses those that cannot work.
func readChallengeSettings(environment map[string]string) (challengeSettings, error) {
	var s challengeSettings
	if err := readVariables(&s, environment); err != nil {
		return challengeSettings{}, err
	}
	var check checker
	check.Required("CHALLENGE_SECRET", len(s.ChallengeSecret) > 0)
	checkChallengeSecret(&check, s.ChallengeSecret)
	check.That(s.ChallengeTTL >= challenge.MinTTL && s.ChallengeTTL <= challenge.MaxTTL,
		"CHALLENGE_TTL", fmt.Sprintf("must be from %v to %v", challenge.MinTTL, challenge.MaxTTL))
	check.HTTPAuth(s.HTTPAuth, s.BearerTokens)
	check.BasePath("HTTP_BASE_PATH", s.BasePath)
	check.Apart("HTTP_BEARER_TOKENS", s.BearerTokens, "CHALLENGE_SECRET", s.ChallengeSecret)
	return s, check.Err()
}

// checkChallengeSecret demands secrets that can sign challenges.
func checkChallengeSecret(check *checker, secrets []secret.Text) {
	for _, s := range secrets {
		if len(s.Reveal()) < challenge.MinSecret {
			check.That(false, "CHALLENGE_SECRET", fmt.Sprintf("must be one or more secrets of at least %d bytes, separated by commas", challenge.MinSecret))
			return
		}
	}
}
