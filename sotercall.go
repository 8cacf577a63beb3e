// Package sotercall verifies SOTER signatures of WeChat Mini Programs in a Go service: the
// fingerprint or the face of wx.startSoterAuthentication.
//
// A page sends resultJSON and resultJSONSignature to its backend. Only WeChat can judge
// that signature, with soter.verifySignature. A [Service] calls it. It fetches and shares
// access_tokens, retries what is worth retrying, and accepts each signature once.
//
//	service, err := sotercall.Open(sotercall.Config{
//		Apps:             []sotercall.App{{AppID: appID, AppSecret: appSecret}},
//		ChallengeSecrets: []string{challengeSecret},
//	})
//
// Issue a challenge ([Service.IssueChallenge]), have the page sign it, and verify the
// result ([Service.Verify]). Or mount [Service.Handler], which serves the requests of the
// deployed functions to other services.
//
// There are two kinds of errors, and they never turn into one another. A [*RefusedError]
// says that the signature must not be accepted. An [*Error] says that it could not be
// judged.
//
// # Instances
//
// A Service without a [Store] keeps consumed challenges and access_tokens in its own
// memory. A service of more than one process needs a Store: packages redisstore and
// dynamodbstore. Only a program that imports them links their client libraries.
//
// # Compatibility
//
// This is version 0: the API may change between minor versions. CHANGELOG.md lists each
// change.
package sotercall

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/store"
	"sotercall/internal/upstream"
	"sotercall/internal/wiring"
)

// requestTimeout bounds a request to the Handler, and a Go call whose context has no
// deadline.
const requestTimeout = 10 * time.Second

// Service verifies signatures and issues challenges. It is safe for concurrent use. Use
// [Open] or [FromEnv] to make one, and [Service.Close] to end it.
type Service struct {
	handler   *function.Host
	http      *adapter.Requests
	embedding *wiring.Embedding
	life      *upstream.Life
	close     sync.Once
	prepared  atomic.Bool
}

// Open returns a Service. It connects to nothing: [Service.Prepare] or the first call
// fetches the access_token. The error names each field of config that cannot work, and holds
// no secret.
func Open(config Config) (*Service, error) {
	settings := wiring.Embedded{
		OpenAPIService: config.OpenAPIService, APIBases: config.APIBases, CleartextHosts: config.CleartextHosts,
		ChallengeSecrets: config.ChallengeSecrets, ChallengeTTL: config.ChallengeTTL,
		RequirePurpose: config.RequirePurpose, EnforceCounter: config.EnforceCounter,
		BearerTokens: config.Auth.BearerTokens,
	}
	for _, app := range config.Apps {
		settings.Apps = append(settings.Apps, wiring.EmbeddedApp{ID: app.AppID, Secret: app.AppSecret, Classic: app.Classic})
	}
	if config.TokenServer != "" {
		settings.TokenBases = []string{config.TokenServer}
	}
	if config.Store != nil {
		settings.Store, settings.StorePlace = &config.Store.opener, config.Store.place
	}
	var err error
	if settings.HTTPAuth, err = config.Auth.mode(); err != nil {
		return nil, err
	}
	log := logger(config.Logger)
	none := func(map[string]string, func() time.Time) (secret.Vault, error) { return nil, nil }
	return start(settings.Embed(log, config.Transport), log, none)
}

// logger returns the log of a Service.
func logger(given *slog.Logger) *slog.Logger {
	if given == nil {
		given = slog.Default()
	}
	return slog.New(journal.Over(given.Handler()))
}

// start returns the Service of an embedding.
func start(embedding *wiring.Embedding, log *slog.Logger, vault secret.OpenVault) (*Service, error) {
	s := &Service{embedding: embedding, life: embedding.Life}
	s.handler = function.NewLogging("service", embedding.Builder(), log)
	s.handler.SetVault(vault)
	s.http = &adapter.Requests{Function: s.handler, Timeout: requestTimeout, Life: s.life}
	if err := s.handler.Configured(); err != nil {
		_ = s.Close()
		return nil, errors.New("sotercall: " + err.Error())
	}
	return s, nil
}

// Prepare does what the first call would wait for: it connects to WeChat and to the Store,
// and fetches the access_token. With several Apps it fetches none, because it does not know
// which app is first. With OpenAPIService it connects to the Store only.
//
// No call needs it. Call it when the program starts, or in its readiness probe: after a nil
// error it sends nothing any more. The error is an [*Error] that says why calls would fail
// at this moment, and the next Prepare tries again. Prepare takes as long as ctx allows, or
// 10 seconds.
func (s *Service) Prepare(ctx context.Context) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if s.prepared.Load() {
		return nil
	}
	err = s.handler.Warm(ctx)
	if never := s.handler.Hopeless(); never != nil {
		failed := ofError(openapi.NewError(openapi.CodeSystem, "the configuration cannot work: "+never.Error(), err))
		failed.Temporary = false
		return failed
	}
	if err != nil {
		return ofError(openapi.AsError(err))
	}
	s.prepared.Store(true)
	return nil
}

// Close ends the Service: calls under way end with an [*Error], and so does every later
// one. It returns when each goroutine of the Service has ended. It closes all connections
// but those of [Config.Transport], which the caller must close. The error is always nil.
// Close the HTTP server in front of [Service.Handler] first.
func (s *Service) Close() (err error) {
	s.close.Do(func() {
		s.life.End()
		s.embedding.Close()
		err = s.handler.Close()
	})
	return err
}

// Handler returns the handler of these paths, all of them POST but the last:
//
//	/                                   the first of the following
//	/openapi/soter/verifySignature      as soter.verifySignature of wx-server-sdk
//	/openapi/soter/issueChallenge       with Config.ChallengeSecrets
//	/cgi-bin/soter/verify_signature     as WeChat's HTTPS API, by an access_token of the app
//	/healthz                            200, or 503 and why nothing will work
//
// They are those of functions/service (docs/call.md). [Config.Auth] authorizes the first
// three. Put them under a prefix with [http.StripPrefix]. A request takes 10 seconds at
// most.
func (s *Service) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, done, ok := s.life.Begin(r.Context())
		if !ok {
			http.Error(w, "the service is closed", http.StatusServiceUnavailable)
			return
		}
		defer done()
		s.http.ServeHTTP(w, r.WithContext(ctx))
	})
}

// Store is the data that all instances of a service share: access_tokens, consumed
// challenges and counters. Packages redisstore and dynamodbstore make one. A Store is a
// description: each Service opens its own connections.
type Store struct {
	opener store.Opener
	place  store.Place
}

// Env has the parts that [FromEnv] uses. Options change it.
type Env struct {
	// Logger and Transport are as in [Config].
	Logger    *slog.Logger
	Transport http.RoundTripper

	openers wiring.Openers
	vault   secret.OpenVault
}

func init() {
	wiring.Public.NewStore = func(opener store.Opener, place store.Place) any { return &Store{opener, place} }
	wiring.Public.AddStore = func(env any, opener store.Opener) {
		e := env.(*Env)
		e.openers = append(e.openers, opener)
	}
	wiring.Public.SetVault = func(env any, open secret.OpenVault) { env.(*Env).vault = open }
}

// FromEnv returns a Service from the environment variables of the deployed functions, which
// docs/configuration.md explains. Stores and AWS Secrets Manager are used only if their
// option is given:
//
//	service, err := sotercall.FromEnv(redisstore.FromEnv)
//
// An option may set Logger and Transport as well. A variable whose option is missing is an
// error, which names the import to add. Secrets in AWS Secrets Manager are read before
// FromEnv returns, within 5 seconds, and again every 5 minutes.
//
// All variables of functions/service work but SOTER_VERIFIER=cloudcall, which is refused:
// only a function on SCF can make a Cloud Call. PORT, HOST, REQUEST_TIMEOUT,
// IDLE_TIMEOUT and METRICS_PORT are not read: the program has a server of its own.
// LOG_LEVEL has no effect: the handler of Logger decides which lines are written.
func FromEnv(options ...func(*Env)) (*Service, error) {
	env := Env{vault: noSecretsManager}
	for _, option := range options {
		option(&env)
	}
	// The first opener of a variable is used.
	env.openers = append(env.openers,
		store.Missing("REDIS_URL", importOf("sotercall/redisstore")),
		store.Missing("DYNAMODB_TABLE", importOf("sotercall/dynamodbstore")))
	log := logger(env.Logger)
	return start(env.openers.Embed(log, env.Transport), log, env.vault)
}

// importOf returns the advice for a variable whose option is missing.
func importOf(pkg string) string {
	return "needs an option: import " + pkg + " and call sotercall.FromEnv(" + path.Base(pkg) + ".FromEnv)"
}

// noSecretsManager refuses the variables that need it.
func noSecretsManager(environment map[string]string, _ func() time.Time) (secret.Vault, error) {
	var problems []string
	for _, name := range secret.Kept(environment) {
		problems = append(problems, name+" "+importOf("sotercall/secretsmanager"))
	}
	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
	}
	return nil, nil
}

// begin counts a call, and gives it a deadline.
func (s *Service) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	ctx, done, ok := s.life.Begin(ctx)
	if !ok {
		return nil, nil, closed()
	}
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, done, nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	return ctx, func() { cancel(); done() }, nil
}
