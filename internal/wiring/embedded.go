package wiring

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sotercall/internal/challenge"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/store"
	"sotercall/internal/upstream"
)

// Embedded is verify and challenge within a Go program, with settings in place of
// variables. Messages name each setting as package sotercall does.
type Embedded struct {
	Apps                 []EmbeddedApp
	OpenAPIService       bool // ACCESS_TOKEN_MODE=none
	APIBases, TokenBases []string
	CleartextHosts       []string
	ChallengeSecrets     []string
	ChallengeTTL         time.Duration // 0: the default
	RequirePurpose       bool
	EnforceCounter       bool
	HTTPAuth             string // as HTTP_AUTH
	BearerTokens         []string
	Store                *store.Opener // nil: none
	StorePlace           store.Place
}

// EmbeddedApp is one app of Embedded.
type EmbeddedApp struct {
	ID, Secret string
	Classic    bool
}

// weChatBases are the addresses of WeChat's API, the default of WECHAT_API_BASE.
var weChatBases = []string{"https://api.weixin.qq.com", "https://api2.weixin.qq.com"}

// Embedding is a service within a Go program. Use [Embedded.Embed] or [Openers.Embed] to
// make one.
type Embedding struct {
	// Life bounds all that the service does. End it before Close.
	Life *upstream.Life

	world *world
	owns  bool // the transport belongs to the world
	build function.Builder
}

// Builder makes the function.
func (e *Embedding) Builder() function.Builder { return e.build }

// Close closes all connections. No call may be under way or follow.
func (e *Embedding) Close() {
	e.world.close()
	if e.owns {
		e.world.client.CloseIdle()
	}
}

func embed(openers Openers, log *slog.Logger, transport http.RoundTripper) *Embedding {
	life := upstream.NewLife()
	e := &Embedding{Life: life, world: newWorldFor(life, openers, log), owns: transport == nil}
	e.world.checks = true
	if transport != nil {
		e.world.client.Over(transport)
	}
	return e
}

// Embed makes the service of [Openers.Service] from the variables, without the parts that
// only a deployed function can have. transport, if not nil, sends the requests to WeChat.
func (o Openers) Embed(log *slog.Logger, transport http.RoundTripper) *Embedding {
	e := embed(o, log, transport)
	e.build = func(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
		f, err := e.world.service(environment, log, level)
		if err == nil && environment["SOTER_VERIFIER"] == "cloudcall" {
			err = fmt.Errorf("SOTER_VERIFIER must not be cloudcall in a program: a Cloud Call is made by a function on SCF, with the ticket of its invocation")
		}
		return f, err
	}
	return e
}

// Embed makes the service. transport, if not nil, sends the requests to WeChat. The error
// is the Builder's.
func (s Embedded) Embed(log *slog.Logger, transport http.RoundTripper) *Embedding {
	var openers Openers
	if s.Store != nil {
		openers = Openers{*s.Store}
	}
	e := embed(openers, log, transport)
	e.build = func(environment map[string]string, _ *slog.Logger, level *slog.LevelVar) (function.Function, error) {
		level.Set(slog.LevelDebug) // the logger has a level of its own
		verify, challenges, err := s.settings()
		f, shared, err := e.world.verifyOf(verify, err, nil, environment)
		if err == nil && len(s.ChallengeSecrets) > 0 {
			var issue function.Function
			issue, err = challengeBy(challenges, nil, shared.served)
			f.Calls = append(f.Calls, issue.Calls...)
		}
		if s.HTTPAuth == "wechat" {
			f.Calls = function.NamedByWeChat(f.Calls)
		}
		return f, err
	}
	return e
}

// settings returns those of the two functions, checked.
func (s Embedded) settings() (verifySettings, challengeSettings, error) {
	var check checker
	check.CleartextHosts("CleartextHosts", s.CleartextHosts)
	v := verifySettings{
		AccessTokenMode: "stable", Verifier: "wechat", ChallengePurpose: openapi.OptionalPurpose,
		ChallengeSecret: texts(s.ChallengeSecrets), HTTPAuth: s.HTTPAuth, BearerTokens: texts(s.BearerTokens), apps: s.apps(&check),
	}
	if s.RequirePurpose {
		check.That(len(s.ChallengeSecrets) > 0, "RequirePurpose", "needs ChallengeSecrets: without challenges, nothing ties a signature to a purpose")
		v.ChallengePurpose = openapi.RequirePurpose
	}
	if s.EnforceCounter {
		check.That(s.Store != nil, "EnforceCounter", "needs a Store that all instances share")
		v.CounterPolicy = challenge.EnforceCounter
	}
	s.addresses(&check, &v)
	s.secrets(&check, v)
	if s.Store != nil {
		v.Store.given = namedStore{s.Store.Variable, secret.New(s.StorePlace.Address), s.StorePlace.Setting}
		check.That(s.StorePlace.Address != "", s.StorePlace.Setting, "is empty")
	}
	ttl := s.ChallengeTTL
	if ttl == 0 {
		ttl = challenge.DefaultTTL
	}
	check.That(ttl >= challenge.MinTTL && ttl <= challenge.MaxTTL, "ChallengeTTL", fmt.Sprintf("must be from %v to %v", challenge.MinTTL, challenge.MaxTTL))
	c := challengeSettings{
		ChallengeSecret: v.ChallengeSecret, ChallengeTTL: ttl, ChallengePurpose: v.ChallengePurpose, HTTPAuth: v.HTTPAuth, BearerTokens: v.BearerTokens,
	}
	for i, problem := range check.problems {
		check.problems[i] = strings.ReplaceAll(problem, "CLEARTEXT_HOSTS", "CleartextHosts")
	}
	return v, c, check.Err()
}

// apps returns those of s.
func (s Embedded) apps(check *checker) appSet {
	if s.OpenAPIService {
		check.That(len(s.Apps) == 0, "Apps", "must be empty with OpenAPIService: the service knows the app of the container")
		return appSet{}
	}
	check.That(len(s.Apps) > 0, "Apps", "must hold an app")
	var set appSet
	known := map[string]bool{}
	for i, app := range s.Apps {
		at := fmt.Sprintf("Apps[%d]", i)
		check.That(isAppID(app.ID), at+".AppID", "must be an AppID: wx and 16 of the characters 0-9 and a-f")
		check.That(!known[app.ID], at+".AppID", "must not be that of an app before it")
		known[app.ID] = true
		check.That(app.Secret != "" && strings.TrimSpace(app.Secret) == app.Secret, at+".AppSecret", "must be set, without blanks around it")
		set.Apps = append(set.Apps, listedApp{ID: app.ID, Secret: secret.New(app.Secret), Classic: app.Classic})
	}
	return set
}

// addresses reads the addresses of WeChat and the token server.
func (s Embedded) addresses(check *checker, v *verifySettings) {
	bases := s.APIBases
	if s.OpenAPIService {
		v.AccessTokenMode = "none"
		if len(bases) == 0 {
			bases = []string{"http://" + openAPIHost}
		}
		v.apiBases = check.Addresses("APIBases", bases, openAPIHost)
		check.That(len(s.TokenBases) == 0, "TokenServer", "must be empty with OpenAPIService: no token is fetched")
		return
	}
	if len(bases) == 0 {
		bases = weChatBases
	}
	v.apiBases = check.Addresses("APIBases", bases, s.CleartextHosts...)
	v.tokenBases = check.Addresses("TokenServer", s.TokenBases, s.CleartextHosts...)
}

// secrets checks the secrets, and that they are distinct.
func (s Embedded) secrets(check *checker, v verifySettings) {
	for i, text := range s.ChallengeSecrets {
		check.That(len(text) >= challenge.MinSecret, fmt.Sprintf("ChallengeSecrets[%d]", i), fmt.Sprintf("must be at least %d bytes", challenge.MinSecret))
	}
	for i, text := range s.BearerTokens {
		ok := len(text) >= minSecret && strings.TrimSpace(text) == text
		check.That(ok, fmt.Sprintf("Auth.BearerTokens[%d]", i), fmt.Sprintf("must be at least %d bytes without blanks around them", minSecret))
	}
	check.Apart("Auth.BearerTokens", v.BearerTokens, "ChallengeSecrets", v.ChallengeSecret)
	check.Apart("Auth.BearerTokens", v.BearerTokens, "an app", appSecrets(v.apps))
	check.Apart("ChallengeSecrets", v.ChallengeSecret, "an app", appSecrets(v.apps))
	refusePublicOf(check, v)
}

// refusePublicOf is refusePublic for Embedded.
func refusePublicOf(check *checker, v verifySettings) {
	var found checker
	refusePublic(&found, v.apiBases, "", v.apps, map[string][]secret.Text{
		"CHALLENGE_SECRET": v.ChallengeSecret, "HTTP_BEARER_TOKENS": v.BearerTokens,
	})
	words := strings.NewReplacer("WECHAT_APPS or WECHAT_APPS_FILE", "Apps", "CHALLENGE_SECRET", "ChallengeSecrets", "HTTP_BEARER_TOKENS", "Auth.BearerTokens")
	for _, problem := range found.problems {
		check.problems = append(check.problems, words.Replace(problem))
	}
}

func texts(secrets []string) []secret.Text {
	var all []secret.Text
	for _, text := range secrets {
		all = append(all, secret.New(text))
	}
	return all
}
