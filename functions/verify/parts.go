package main

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/adapter"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/cloudcall"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/redis"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

// parts are what the function is made of.
type parts struct {
	verifier openapi.Verifier
	gate     openapi.Gate
	tokens   openapi.Tokens          // nil: nobody holds a token at the HTTPS Call door
	enroll   *authkeys.EnrollHandler // nil: no keys of our own
	// prepare does early what the first question would wait for; nil: nothing.
	prepare func(ctx context.Context)
	// platformToken says that a request may bring the platform's access_token.
	platformToken bool
}

// assemble chooses the parts by the settings.
func assemble(s settings, log *slog.Logger) (parts, error) {
	var store *redis.Store // nil without REDIS_URL
	if !s.RedisURL.IsZero() {
		var err error
		if store, err = redis.Open(s.RedisURL); err != nil {
			return parts{}, err
		}
	}
	p := parts{gate: function.Gate(s.HTTPAuth, s.BearerTokens), platformToken: s.AccessTokenMode == "cloudbase"}
	client := wechat.New(time.Now)
	client.Trace = func(ctx context.Context) string { return adapter.InvocationFrom(ctx).TraceID }
	source := tokenSource(s, client, store, log)
	if source != nil {
		p.tokens = source
	}
	switch s.Verifier {
	case "cloudcall":
		p.verifier = cloudcall.New(cloudEnvironment, time.Now)
	case "local":
		p.enroll = &authkeys.EnrollHandler{Observe: observeEnrolment}
		if s.AuthKeysFile != "" {
			p.verifier = authkeys.NewVerifier(authkeys.NewFile(s.AuthKeysFile))
		} else {
			keys := authkeys.NewRedis(store)
			p.verifier, p.enroll.Store = authkeys.NewVerifier(keys), keys
		}
	default:
		p.verifier = client.Verifier(s.apiBase, source)
		p.prepare = func(ctx context.Context) { client.Prepare(ctx, s.apiBase, source) }
	}
	if err := once(&p, s, store); err != nil {
		return parts{}, err
	}
	return p, nil
}

// tokenSource is where access_tokens come from; nil where none is needed.
func tokenSource(s settings, client *wechat.Client, store *redis.Store, log *slog.Logger) accesstoken.Source {
	if s.AccessTokenMode == "cloudbase" {
		return &accesstoken.CloudBase{Environment: invocationEnvironment, File: accesstoken.CloudBaseFile}
	}
	if s.AppID == "" || s.AppSecret.IsZero() {
		return nil
	}
	return client.Tokens(wechat.TokenConfig{
		Base:        s.tokenBase,
		Credentials: wechat.Credentials{AppID: s.AppID, AppSecret: s.AppSecret},
		Classic:     s.AccessTokenMode == "classic",
		Store:       accesstoken.StoreOf(store, s.AppID),
		Log:         log,
	})
}

// once makes a genuine signature count once, as far as the settings ask for it:
// challenges with CHALLENGE_SECRET, counters with a store or where they are
// enforced.
func once(p *parts, s settings, store *redis.Store) error {
	if len(s.ChallengeSecret) == 0 && store == nil && s.CounterPolicy == challenge.LogCounter {
		return nil
	}
	v := &challenge.Verifier{
		Next: p.verifier, Ledger: new(challenge.Memory), Policy: s.CounterPolicy,
		OnPossibleClone: reportClone, OnUnchecked: reportUnchecked, Now: time.Now,
	}
	if len(s.ChallengeSecret) > 0 {
		issuer, err := challenge.NewIssuer(s.ChallengeSecret, challenge.DefaultTTL, time.Now)
		if err != nil {
			return err
		}
		v.Issuer = issuer
	}
	if store != nil {
		v.Ledger = challenge.NewRedis(store)
	}
	p.verifier = v
	return nil
}

func reportClone(ctx context.Context, c challenge.PossibleClone) {
	journal.From(ctx).Set("possible_clone", c)
}

func reportUnchecked(ctx context.Context, reason string) {
	journal.From(ctx).Set("counter_unchecked", reason)
}

// invocationEnvironment is what the platform sent with this invocation alone.
func invocationEnvironment(ctx context.Context) map[string]string {
	return adapter.InvocationFrom(ctx).Environment
}

// cloudEnvironment is what a Cloud Call is made with: who calls, from the
// invocation alone; who we are and where the gateway is, from the process too,
// where SCF puts what is the same for all callers (Tencent Cloud documentation,
// SCF environment variables).
func cloudEnvironment(ctx context.Context) map[string]string {
	environment := map[string]string{}
	for _, name := range []string{
		"TENCENTCLOUD_SECRETID", "TENCENTCLOUD_SECRETKEY", "TENCENTCLOUD_SESSIONTOKEN", "TENCENTCLOUD_REGION",
		"SCF_NAMESPACE", "TCB_ENV", "TCB_CONTEXT_CNFG",
	} {
		if value := os.Getenv(name); value != "" {
			environment[name] = value
		}
	}
	maps.Copy(environment, invocationEnvironment(ctx))
	return environment
}

// withPlatformToken takes the token that WeChat's gateway puts into a request. A
// user's call that only has the shape of one did not come through that gateway:
// its headers are the user's own words.
func withPlatformToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if openapi.CallerFrom(r.Context()) == (openapi.Caller{}) {
			token := secret.New(r.Header.Get("X-WX-CLOUDBASE-ACCESS-TOKEN"))
			r = r.WithContext(accesstoken.WithCloudBase(r.Context(), token))
		}
		next.ServeHTTP(w, r)
	})
}
