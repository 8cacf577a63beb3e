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
	f, _, err := verify(environment, nil, log, level)
	return f, err
}

// verifyParts are what other functions may share with verify.
type verifyParts struct {
	caches accesstoken.Apps // nil: it fetches no tokens
	served []string         // the AppIDs that it works for
}

// verify is Verify, and what it is made of. others are secrets that no text from
// outside may bring back either.
func verify(environment map[string]string, others []secret.Text, log *slog.Logger, level *slog.LevelVar) (function.Function, verifyParts, error) {
	s, err := readVerifySettings(environment)
	var p parts
	if err == nil {
		level.Set(s.LogLevel)
		p, err = assemble(s, environment, secret.NewScrubber(append(s.secrets(), others...)...), log)
	}
	handler := &openapi.Handler{Verifier: p.verifier, Apps: s.served()}
	calls := handler.Calls(p.gate, p.holders())
	if p.platformToken {
		calls = withPlatformToken(calls)
	}
	if p.local {
		calls = append(calls, authkeys.EnrollCall(p.keys))
	}
	shared := verifyParts{caches: p.caches, served: s.served()}
	return function.Function{BasePath: s.BasePath, Calls: calls, Warm: p.warm}, shared, err
}

// parts are what the function is made of.
type parts struct {
	verifier openapi.Verifier
	gate     openapi.Gate
	// caches have the tokens that are fetched, and know which are in force; nil: none
	// are. A token of the platform's own is for this function alone: nobody can present
	// it at the HTTPS Call door.
	caches accesstoken.Apps
	// local says that keys of our own judge, and keys is where they are enrolled; nil:
	// they come from a file, and cannot be.
	local bool
	keys  authkeys.Store
	// warm does early what the first question would wait for; nil: nothing.
	warm func(ctx context.Context)
	// platformToken says that a request may bring the platform's access_token.
	platformToken bool
}

// holders know whose token is presented at the HTTPS Call door; nil: nobody's is.
func (p parts) holders() openapi.Tokens {
	if p.caches == nil {
		return nil
	}
	return p.caches
}

// assemble chooses the parts by the settings.
func assemble(s verifySettings, environment map[string]string, scrub *secret.Scrubber, log *slog.Logger) (parts, error) {
	store, err := openStore(s.Store, environment, scrub)
	if err != nil {
		return parts{}, err
	}
	p := parts{gate: function.Gate(s.HTTPAuth, s.BearerTokens), platformToken: s.AccessTokenMode == "cloudbase"}
	client := wechat.New(time.Now)
	client.Scrub = scrub
	client.Trace = func(ctx context.Context) string { return adapter.InvocationFrom(ctx).TraceID }
	hosts := client.Hosts(s.apiBases...)
	clients := clientsFor(s.apps, client)
	if len(clients) > 0 {
		p.caches = fetchedTokens(s, client, clients, hosts, store, log)
	}
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
		p.verifier, p.warm = asking(s, client, clients, hosts, p.caches)
	}
	if err := once(&p, s, store); err != nil {
		return parts{}, err
	}
	return p, nil
}

// fetchedTokens are the access_tokens of all apps, from WeChat or from a token
// function.
func fetchedTokens(s verifySettings, client *wechat.Client, clients map[string]*wechat.Client, hosts *upstream.Hosts, store *store, log *slog.Logger) accesstoken.Apps {
	function := wechat.IsTokenFunction(s.tokenBases, s.apiBases)
	if len(s.tokenBases) > 0 {
		hosts = client.Hosts(s.tokenBases...)
	}
	if function {
		store = nil // the token function shares its tokens itself; a lease of ours would keep it from fetching
	}
	return tokenPlace{clients: clients, hosts: hosts, function: function, store: store, log: log}.caches(s.apps)
}

// asking makes the Verifier that asks WeChat, each question with the token of its
// app. warm does early what the first question would wait for; of several apps it is
// not known which that is about.
func asking(s verifySettings, client *wechat.Client, clients map[string]*wechat.Client, hosts *upstream.Hosts, caches accesstoken.Apps) (_ openapi.Verifier, warm func(ctx context.Context)) {
	verifiers := byApp{}
	for appID, client := range clients {
		verifier := client.Verifier(hosts, caches[appID])
		if len(clients) == 1 {
			return verifier, verifier.Warm
		}
		verifiers[appID] = verifier
	}
	if len(verifiers) > 0 {
		return verifiers, nil
	}
	var platforms accesstoken.Source = accesstoken.None{}
	if s.AccessTokenMode == "none" {
		return client.Verifier(hosts, platforms), nil // the open API service is not there while a container starts
	}
	if s.AccessTokenMode == "cloudbase" {
		platforms = &accesstoken.CloudBase{Environment: invocationEnvironment, File: accesstoken.CloudBaseFile}
	}
	verifier := client.Verifier(hosts, platforms)
	return verifier, verifier.Warm
}

// once makes a genuine signature count once, as far as the settings ask for it:
// challenges with CHALLENGE_SECRET, counters with a store.
func once(p *parts, s verifySettings, store *store) error {
	if len(s.ChallengeSecret) == 0 && store == nil {
		return nil
	}
	v := &challenge.Verifier{
		Next: p.verifier, Ledger: new(challenge.Memory), Policy: s.CounterPolicy,
		SeveralApps:     len(s.served()) > 1,
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
