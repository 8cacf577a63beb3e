package wiring

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"os"

	"sotercall/internal/accesstoken"
	"sotercall/internal/adapter"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/store"
	"sotercall/internal/upstream"
	"sotercall/internal/wechat"
	"sotercall/internal/wechat/cloudcall"
	"sotercall/internal/wiring/doctor"
)

// Verify is the function openapi.soter.verifySignature.
func (o Openers) Verify(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	return newWorld(o, log).verify(environment, log, level)
}

func (w *world) verify(environment map[string]string, _ *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	f, _, err := w.verifyAnd(nil, environment, level)
	f.Rebuild = w.verify
	if environment["HTTP_AUTH"] == "wechat" {
		f.Calls = function.NamedByWeChat(f.Calls)
	}
	return f, err
}

// verifyParts are the parts of verify that other functions may share.
type verifyParts struct {
	caches accesstoken.Apps // nil: no tokens are fetched
	served []string         // the AppIDs of its apps
	// challengeSecrets must differ from all other secrets.
	challengeSecrets []secret.Text
}

// verifyAnd returns Verify and its parts. others are secrets that must be masked in foreign
// texts as well.
func (w *world) verifyAnd(others []secret.Text, environment map[string]string, level *slog.LevelVar) (function.Function, verifyParts, error) {
	s, err := readVerifySettings(environment)
	w.watchFile(s.apps.loaded)
	if err == nil {
		level.Set(s.LogLevel)
	}
	return w.verifyOf(s, err, others, environment)
}

// verifyOf is verifyAnd with settings that have been read; err says why they were not.
func (w *world) verifyOf(s verifySettings, err error, others []secret.Text, environment map[string]string) (function.Function, verifyParts, error) {
	var p parts
	if err == nil {
		w.redact.Learn(append(s.secrets(), others...)...)
		w.warnOfCleartext(s.cleartext())
		p, err = w.assemble(s, environment)
	}
	handler := &openapi.VerifySignature{Verifier: p.verifier, Apps: s.served(), Purpose: s.purpose()}
	calls := handler.Calls(p.gate, p.owners())
	if p.platformToken {
		calls = withPlatformToken(calls)
	}
	if p.local {
		calls = append(calls, authkeys.EnrollCall(p.keys))
	}
	calls = append(calls, doctor.Call(func() doctor.Plan { return w.verifyPlan(s) }))
	shared := verifyParts{caches: p.caches, served: s.served(), challengeSecrets: s.ChallengeSecret}
	return function.Function{BasePath: s.BasePath, Calls: calls, Warm: p.warm, Health: health(w.store), Notices: w.notices}, shared, err
}

// parts are the parts of the function.
type parts struct {
	verifier openapi.Verifier
	gate     openapi.Gate
	// caches have the fetched tokens, and know the valid ones; nil: none are fetched. A
	// token of the platform's own is for this function alone: no caller can present it at
	// the HTTPS Call.
	caches accesstoken.Apps
	// local says that keys of our own judge. keys is the store to enrol them into; nil:
	// they come from a file, and cannot be enrolled.
	local bool
	keys  authkeys.Store
	// warm does in advance what the first request would wait for; nil: nothing.
	warm warmer
	// platformToken says that a request may carry the platform's access_token.
	platformToken bool
}

// owners returns the owners of tokens that are presented at the HTTPS Call; nil: there are
// none.
func (p parts) owners() openapi.Tokens {
	if p.caches == nil {
		return nil
	}
	return p.caches
}

// assemble selects the parts by the settings.
func (w *world) assemble(s verifySettings, environment map[string]string) (parts, error) {
	in, err := w.open(s.Store, environment)
	if err != nil {
		return parts{}, err
	}
	p := parts{gate: function.Gate(s.HTTPAuth, s.BearerTokens), platformToken: s.mode().inRequest}
	hosts := w.at(s.apiBases)
	from := w.tokenSource(s, hosts, in)
	if len(s.apps.Apps) > 0 {
		p.caches = w.caches(s.apps, from)
	}
	switch s.Verifier {
	case "cloudcall":
		p.verifier, p.warm = w.cloudCall(), connecting(in, s.served())
	case "local":
		p.local = true
		if s.AuthKeysFile == "" {
			p.keys = in.AuthKeys
		}
		p.verifier, p.warm = w.localKeys(s.AuthKeysFile, in), connecting(in, s.served())
	default:
		p.verifier, p.warm = w.wechatVerifier(s, hosts, from, in)
	}
	if err := w.withReplayProtection(&p, s, in); err != nil {
		return parts{}, err
	}
	return p, nil
}

// tokenSource returns the source of access_tokens: WeChat or a token function.
func (w *world) tokenSource(s verifySettings, hosts *upstream.Hosts, in *store.Store) tokenSource {
	from := tokenSource{hosts: hosts, store: in, function: wechat.IsTokenFunction(s.tokenBases, s.apiBases)}
	if len(s.tokenBases) > 0 {
		from.hosts = w.at(s.tokenBases)
	}
	if from.function {
		// the token function shares its tokens itself; our lease would keep it from
		// fetching
		from.store = nil
	}
	return from
}

func (w *world) cloudCall() openapi.Verifier {
	if w.platform == nil {
		gateway := cloudcall.New(cloudEnvironment, WallClock)
		gateway.Redact = w.redact
		w.platform = gateway
	}
	return w.platform
}

// localKeys returns a Verifier with AuthKeys of our own, in a file or else in the store.
func (w *world) localKeys(file string, in *store.Store) openapi.Verifier {
	if w.keys == nil || w.keysIn != in {
		w.keysIn = in
		if file != "" {
			w.keys = authkeys.NewVerifier(w.watchedKeys(file))
		} else {
			w.keys = authkeys.NewVerifier(in.AuthKeys)
		}
	}
	return w.keys
}

// wechatVerifier returns a Verifier for all apps, which uses each app's own token. With
// several apps, the app of the first request is unknown, so warm only connects. It does not
// connect to the open API service, which works only after the start (WeChat Cloud Hosting,
// FAQ).
func (w *world) wechatVerifier(s verifySettings, hosts *upstream.Hosts, from tokenSource, in *store.Store) (_ openapi.Verifier, warm warmer) {
	connected := connecting(in, s.served())
	switch apps := w.verifiers(s.apps, hosts); {
	case len(apps) > 1:
		return apps, together(w.connecting(hosts, from.hosts), connected)
	case len(apps) == 1:
		only := w.apps[s.apps.IDs()[0]]
		if from.store != nil && in.Connect == nil && !w.checks {
			connected = nil // the token is looked for there
		}
		if from.hosts != hosts {
			return only.verifier, together(only.verifier.WarmToken, w.connecting(hosts), connected)
		}
		return only.verifier, together(only.verifier.Warm, connected)
	}
	if w.platform == nil {
		w.platform = w.client.Verifier(hosts, s.mode().given(s))
	}
	if s.mode().openAPI {
		return w.platform, connected
	}
	return w.platform, together(w.connecting(hosts), connected)
}

// withReplayProtection makes a genuine signature count once, as far as the settings demand
// it: challenges with CHALLENGE_SECRET, counters with a store.
func (w *world) withReplayProtection(p *parts, s verifySettings, in *store.Store) error {
	if len(s.ChallengeSecret) == 0 && in == nil {
		return nil
	}
	v := &challenge.Verifier{
		Next: p.verifier, Ledger: &w.memory, Policy: s.CounterPolicy,
		SeveralApps:     len(s.served()) > 1,
		OnPossibleClone: reportClone, OnUnchecked: reportUnchecked, Now: WallClock,
	}
	if len(s.ChallengeSecret) > 0 {
		issuer, err := challenge.NewIssuer(s.ChallengeSecret, challenge.DefaultTTL, WallClock)
		if err != nil {
			return err
		}
		v.Issuer = issuer
	}
	if in != nil {
		v.Ledger = in.Ledger
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

// invocationEnvironment returns the variables that came with this invocation alone.
func invocationEnvironment(ctx context.Context) map[string]string {
	return adapter.InvocationFrom(ctx).Environment
}

// cloudEnvironment returns the variables of a Cloud Call. Those of the caller come from the
// invocation alone. Those of the function and the gateway may also come from the process.
// SCF puts the values that are the same for all callers there (Tencent Cloud documentation,
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

// cloudBaseToken returns the access_token that the platform gave with the invocation: in
// the request, or in a variable (@cloudbase/node-sdk, utils/wxCloudToken).
func cloudBaseToken(ctx context.Context) secret.Text {
	invocation := adapter.InvocationFrom(ctx)
	if !invocation.CloudBaseToken.IsZero() {
		return invocation.CloudBaseToken
	}
	return secret.New(invocation.Environment["WX_CLOUDBASE_ACCESSTOKEN"])
}

// withPlatformToken makes the calls use the token that WeChat's gateway adds as a header.
// An event may imitate such a request: its sender can write any header. So the header is
// used only if the caller is a backend.
func withPlatformToken(calls []openapi.Call) []openapi.Call {
	for i, call := range calls {
		calls[i].Serve = func(r *http.Request) openapi.Result {
			token := r.Header.Get("X-WX-CLOUDBASE-ACCESS-TOKEN")
			if token != "" && openapi.CallerFrom(r.Context()).IsBackend() {
				invocation := adapter.InvocationFrom(r.Context())
				invocation.CloudBaseToken = secret.New(token)
				r = r.WithContext(adapter.WithInvocation(r.Context(), invocation))
			}
			return call.Serve(r)
		}
	}
	return calls
}
