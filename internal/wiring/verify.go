package wiring

import (
	"context"
	"log/slog"
	"maps"
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
	"sotercall/internal/secret"
	"sotercall/internal/upstream"
	"sotercall/internal/wechat"
)

// Verify is the function openapi.soter.verifySignature.
func Verify(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	f, _, err := verify(environment, log, level)
	return f, err
}

// verify returns the source of its tokens too, for others who need one.
func verify(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, accesstoken.Source, error) {
	s, err := readVerifySettings(environment)
	var p parts
	if err == nil {
		level.Set(s.LogLevel)
		p, err = assemble(s, environment, log)
	}
	handler := &openapi.Handler{Verifier: p.verifier}
	calls := handler.Calls(p.gate, p.tokens)
	if p.platformToken {
		calls = withPlatformToken(calls)
	}
	if p.local {
		calls = append(calls, authkeys.EnrollCall(p.keys))
	}
	return function.Function{BasePath: s.BasePath, Calls: calls, Warm: p.warm}, p.source, err
}

// parts are what the function is made of.
type parts struct {
	verifier openapi.Verifier
	gate     openapi.Gate
	source   accesstoken.Source // nil: no tokens are needed
	tokens   openapi.Tokens     // nil: nobody holds a token at the HTTPS Call door
	// local says that keys of our own judge, and keys is where they are enrolled; nil:
	// they come from a file, and cannot be.
	local bool
	keys  authkeys.Store
	// warm does early what the first question would wait for; nil: nothing.
	warm func(ctx context.Context)
	// platformToken says that a request may bring the platform's access_token.
	platformToken bool
}

// assemble chooses the parts by the settings.
func assemble(s verifySettings, environment map[string]string, log *slog.Logger) (parts, error) {
	scrub := secret.NewScrubber(s.secrets()...)
	store, err := openStore(s.store(), environment, scrub)
	if err != nil {
		return parts{}, err
	}
	p := parts{gate: function.Gate(s.HTTPAuth, s.BearerTokens), platformToken: s.AccessTokenMode == "cloudbase"}
	client := wechat.New(time.Now)
	client.Scrub = scrub
	client.Trace = func(ctx context.Context) string { return adapter.InvocationFrom(ctx).TraceID }
	hosts := client.Hosts(s.apiBases...)
	p.source, p.tokens = tokenSource(s, client, hosts, store, log)
	switch s.Verifier {
	case "cloudcall":
		gateway := cloudcall.New(cloudEnvironment, time.Now)
		gateway.Scrub = scrub
		p.verifier = gateway
	case "local":
		p.local = true
		if s.AuthKeysFile != "" {
			p.verifier = authkeys.NewVerifier(authkeys.NewFile(s.AuthKeysFile))
		} else {
			p.verifier, p.keys = authkeys.NewVerifier(store.authKeys), store.authKeys
		}
	default:
		verifier := client.Verifier(hosts, p.source)
		p.verifier, p.warm = verifier, verifier.Warm
	}
	if err := once(&p, s, store); err != nil {
		return parts{}, err
	}
	return p, nil
}

// tokenSource is where access_tokens come from, and who knows which are in force;
// nil where there is none. The platform's own token is for this function alone:
// nobody can present it.
func tokenSource(s verifySettings, client *wechat.Client, hosts *upstream.Hosts, store *store, log *slog.Logger) (accesstoken.Source, openapi.Tokens) {
	if s.AccessTokenMode == "cloudbase" {
		return &accesstoken.CloudBase{Environment: invocationEnvironment, File: accesstoken.CloudBaseFile}, nil
	}
	if s.AccessTokenMode == "none" {
		return accesstoken.None{}, nil
	}
	if s.AppID == "" || s.AppSecret.IsZero() {
		return nil, nil
	}
	function := wechat.IsTokenFunction(s.tokenBases, s.apiBases)
	if len(s.tokenBases) > 0 {
		hosts = client.Hosts(s.tokenBases...)
	}
	if function {
		store = nil // the token function shares its tokens itself; a lease of ours would keep it from fetching
	}
	cache := client.Tokens(wechat.TokenConfig{
		Base:        hosts,
		Credentials: wechat.Credentials{AppID: s.AppID, AppSecret: s.AppSecret},
		Classic:     s.AccessTokenMode == "classic",
		Function:    function,
		Store:       store.tokensOf(s.AppID),
		Log:         log,
	})
	return cache, cache
}

// once makes a genuine signature count once, as far as the settings ask for it:
// challenges with CHALLENGE_SECRET, counters with a store.
func once(p *parts, s verifySettings, store *store) error {
	if len(s.ChallengeSecret) == 0 && store == nil {
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
		v.Ledger = store.ledger
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

// withPlatformToken makes the calls take the token that WeChat's gateway puts into
// a request. An event that only has the shape of one did not come through that
// gateway: its headers are the words of whoever invoked the function, and only a
// backend's count.
func withPlatformToken(calls []openapi.Call) []openapi.Call {
	for i, call := range calls {
		calls[i].Serve = func(ctx context.Context, asked openapi.Asked) openapi.Result {
			if asked.HTTP != nil && openapi.CallerFrom(ctx).IsBackend() {
				token := secret.New(asked.HTTP.Header.Get("X-WX-CLOUDBASE-ACCESS-TOKEN"))
				ctx = accesstoken.WithCloudBase(ctx, token)
			}
			return call.Serve(ctx, asked)
		}
	}
	return calls
}
