package wiring

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/function"
	"sotercall/internal/secretsmanager"
)

// Service is verify, and beside it what is configured: challenge with
// CHALLENGE_SECRET, token with TOKEN_CLIENT_SECRETS. It is what a container runs.
// Verify and token share one access_token, and one fetch of it.
func Service(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	var token tokenSettings
	var tokenErr error
	hasToken := configured(environment, "TOKEN_CLIENT_SECRETS")
	if hasToken {
		token, tokenErr = readTokenSettings(environment)
	}
	f, source, err := verify(environment, token.ClientSecrets, log, level)
	problems := []error{err, tokenErr}
	if configured(environment, "CHALLENGE_SECRET") {
		challenge, err := Challenge(environment, log, level)
		f.Calls = append(f.Calls, challenge.Calls...)
		problems = append(problems, err)
	}
	if hasToken {
		handler := &accesstoken.Handler{AppID: token.AppID, ClientSecrets: token.ClientSecrets, Now: time.Now}
		if forcer, ok := source.(accesstoken.Forcer); ok {
			handler.Source = forcer
		} else if tokenErr == nil { // verify needs no token
			source, err := tokenFunctionSource(token, environment, log)
			handler.Source = source
			problems = append(problems, err)
		}
		if environment["WECHAT_TOKEN_BASE"] != "" {
			problems = append(problems, errors.New("TOKEN_CLIENT_SECRETS is not used with WECHAT_TOKEN_BASE: tokens are given out where they are fetched"))
		}
		f.Calls = append(f.Calls, handler.Calls()...)
	}
	return f, joined(problems)
}

// configured says whether there is a secret, here or in Secrets Manager. Where it
// cannot be read, the calls that need it are there, and refused.
func configured(environment map[string]string, name string) bool {
	return environment[name] != "" || environment[name+secretsmanager.Suffix] != ""
}

// joined tells every problem once, in one line; nil if there is none.
func joined(problems []error) error {
	var all []string
	told := map[string]bool{}
	for _, err := range problems {
		if err == nil {
			continue
		}
		for problem := range strings.SplitSeq(err.Error(), "; ") {
			if !told[problem] {
				told[problem] = true
				all = append(all, problem)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}
