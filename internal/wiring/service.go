package wiring

import (
	"errors"
	"log/slog"
	"strings"

	"sotercall/internal/function"
	"sotercall/internal/secret"
)

// Service is verify, and beside it what is configured: challenge with
// CHALLENGE_SECRET, token with TOKEN_CLIENT_SECRETS or with clients in the document
// of the apps. It is what a container runs. Verify and token share their
// access_tokens, and each fetch of one.
func (o Openers) Service(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	return newWorld(o, log).service(environment, log, level)
}

func (w *world) service(environment map[string]string, _ *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	token, tokenErr := readTokenSettings(environment)
	f, shared, err := w.verifyAnd(token.secrets(), environment, level)
	f.Rebuild = w.service
	problems := []error{err}
	if configured(environment, "CHALLENGE_SECRET") {
		challenge, err := challengeOf(environment, level, shared.served)
		f.Calls = append(f.Calls, challenge.Calls...)
		problems = append(problems, err)
	}
	byVariable := configured(environment, "TOKEN_CLIENT_SECRETS")
	if byVariable || len(token.apps.Clients) > 0 {
		caches, err := shared.caches, tokenErr
		if caches == nil && err == nil { // verify needs no token
			caches, _, err = w.tokenCaches(token, environment)
		}
		if overlap(token.ClientSecrets, shared.challengeSecrets) {
			problems = append(problems, errors.New("CHALLENGE_SECRET must not hold a secret of TOKEN_CLIENT_SECRETS"))
		}
		if environment["WECHAT_TOKEN_BASE"] != "" {
			what := "TOKEN_CLIENT_SECRETS is"
			if !byVariable {
				what = "WECHAT_APPS /clients are"
			}
			problems = append(problems, errors.New(what+" not used with WECHAT_TOKEN_BASE: tokens are given out where they are fetched"))
		}
		f.Calls = append(f.Calls, tokenServer(token, caches, w.log).Calls()...)
		problems = append(problems, err)
	}
	if environment["HTTP_AUTH"] == "wechat" {
		f.Calls = function.NamedByWeChat(f.Calls)
	}
	return f, joined(problems)
}

// configured says whether there is a secret, here or in Secrets Manager. Where it
// cannot be read, the calls that need it are there, and refused.
func configured(environment map[string]string, name string) bool {
	return environment[name] != "" || environment[name+secret.Suffix] != ""
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
