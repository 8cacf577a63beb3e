// Package sandbox is a stand-in for WeChat on loopback. It has WeChat's HTTPS API,
// CloudBase's gateway to it, the phone in the user's hand, and real-life faults on request.
//
// It has five kinds of visitors:
//
//	the program under test  /cgi-bin/token, /cgi-bin/stable_token, /cgi-bin/soter/verify_signature
//	the same by Cloud Call  /admin, the gateway that wx-server-sdk speaks to
//	a person or a script    /sandbox/devices, /sandbox/phone/sign, /sandbox/faults
//	a container             App.CallContainer, App.OpenAPIService: Cloud Hosting's side of WeChat
//	a Go test               New, Phone, Inject, Requests, RevokeTokens, App
//
// The signatures are real. A [Phone] holds an RSA-2048 AuthKey and signs like one of the
// [Devices]. verify_signature judges with the public half, as WeChat does with the key that
// it never publishes. Codes and texts are WeChat's own: any client of WeChat can be pointed
// here by changing its base URL. Where WeChat's documentation is silent, the sandbox
// exposes careless clients, and a comment says so.
//
// It is for laptops and tests. Anybody with access to its control paths can sign for every
// user it knows, so listen on loopback only.
package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sotercall/internal/wechat/cloudcall"
)

// The default credentials of a Sandbox. They are no secrets: only a sandbox accepts them.
// Their form shows that (a real AppSecret is 32 hex digits).
const (
	DefaultAppID     = "wx5a4db0c55a4db0c5"
	DefaultAppSecret = "sandbox-is-no-secret-sandbox-000"
	// DefaultTicket is the ticket of the stand-in for SCF (package emulator).
	DefaultTicket = "ticket-of-the-emulator"
)

const defaultExpiresIn = 7200 * time.Second

// Options of a Sandbox. The zero value is a sandbox with WeChat's defaults that forgets its
// phones when the process ends.
type Options struct {
	// Dir is the folder of the phones, for other processes and later ones: <openid in
	// base32>/<device>.json. The files hold private keys, hence 0700 and 0600. It is
	// created if need be. "" keeps the phones in memory.
	Dir string

	// Now is the clock of tokens and rids, time.Now if nil. Delays of faults use real time.
	Now func() time.Time

	// AppID and AppSecret are the credentials of the first app, which is the default;
	// DefaultAppID and DefaultAppSecret if empty.
	AppID, AppSecret string

	// Apps are more Mini Programs and Official Accounts.
	Apps []Credentials

	// ExpiresIn is the life of a token, in whole seconds; 0 means 7200 s.
	ExpiresIn time.Duration

	// Strict ends a token when its successor is issued. Otherwise it lives five minutes
	// more, as WeChat documents.
	Strict bool

	// HostileTokens issues tokens that contain + / = and &, which only a client that
	// escapes its URLs sends back unchanged. Otherwise tokens consist of [A-Za-z0-9_-],
	// like WeChat's.
	HostileTokens bool

	// FirstToken is the text of the first app's first access_token, such as EventToken; ""
	// makes it like the others.
	FirstToken string

	// CloudSecretID and CloudSecretKey are the only credentials that may sign a Cloud Call.
	// Without them its Authorization is ignored, so that the SDK runs with any.
	CloudSecretID, CloudSecretKey string

	// CloudTicket is the ticket ([cloudcall.Ticket]) that Cloud Calls need, DefaultTicket
	// if empty. Another one is refused, as the platform refuses a ticket that it did not
	// issue.
	CloudTicket string

	// FunctionConfig is the content of config.json of the function that makes Cloud Calls.
	// They are refused with -604101 unless permissions.openapi lists soter.verifySignature.
	// nil permits them, for a function on a laptop that has not been uploaded.
	FunctionConfig []byte

	// Containers lets containers of this computer control it as well, under their name for
	// it. The server must refuse all others (loopback.Containers.Only).
	Containers bool

	// Log gets a line per API request, without a token in it; nil discards.
	Log *slog.Logger
}

// Sandbox is an http.Handler that stands in for WeChat. Use New to make one. It is safe for
// concurrent use.
type Sandbox struct {
	now     func() time.Time
	log     *slog.Logger
	mux     *http.ServeMux
	newKey  func() (*rsa.PrivateKey, error) // tests put ready-made keys here
	app     *App                            // the first one
	apps    map[string]*App                 // all of them, by AppID
	gateway gateway
	phones  phones
	// containers lets containers of this computer control it.
	containers bool

	mu     sync.Mutex
	faults []Fault            // guarded by mu; Times counts down, used-up ones are removed
	counts map[counted]int    // guarded by mu; API requests
	last   map[string]Request // guarded by mu; the newest one by path
}

// New builds a Sandbox. It fails if Dir cannot be created. It fails with ErrArgument if
// ExpiresIn is not a whole number of seconds, or FunctionConfig is not JSON. So it does if
// an app is named twice or has no secret, or one of the two cloud secrets is missing.
func New(o Options) (*Sandbox, error) {
	if o.ExpiresIn == 0 {
		o.ExpiresIn = defaultExpiresIn
	}
	if o.ExpiresIn < 0 || o.ExpiresIn%time.Second != 0 {
		return nil, fmt.Errorf("%w: ExpiresIn is %v, want whole seconds above 0", ErrArgument, o.ExpiresIn)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AppID == "" {
		o.AppID = DefaultAppID
	}
	if o.AppSecret == "" {
		o.AppSecret = DefaultAppSecret
	}
	if o.CloudTicket == "" {
		o.CloudTicket = DefaultTicket
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	gateway, err := newGateway(o)
	if err != nil {
		return nil, err
	}
	phones, err := openPhones(o.Dir)
	if err != nil {
		return nil, err
	}

	s := &Sandbox{
		now:     o.Now,
		log:     o.Log,
		mux:     http.NewServeMux(),
		newKey:  func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		gateway: gateway,
		phones:  phones,

		containers: o.Containers,

		counts: make(map[counted]int),
		last:   make(map[string]Request),
	}
	if err := s.newApps(o); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

// routes lists everything that is served. API paths pass through observed, which counts
// requests and applies faults; control paths pass through local.
func (s *Sandbox) routes() {
	api := map[string]answerer{
		classicPath:  s.token,
		stablePath:   s.stableToken,
		upstreamPath: s.verifySignature,
		"/cgi-bin/":  s.unknownURL,
		"/wxa/":      s.unknownURL,
	}
	for path, answer := range api {
		s.mux.Handle(path, s.observed(s.answered(answer)))
	}
	s.mux.Handle(cloudcall.Path, s.observed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serveGateway(w, r, Fault{})
	})))

	control := http.NewServeMux()
	control.HandleFunc("GET /sandbox/devices", s.controlDevices)
	control.HandleFunc("POST /sandbox/phone/sign", s.controlSign)
	control.HandleFunc("GET /sandbox/faults", s.controlListFaults)
	control.HandleFunc("POST /sandbox/faults", s.controlInject)
	control.HandleFunc("DELETE /sandbox/faults", s.controlClearFaults)
	s.mux.Handle("/sandbox/", s.local(control))
}

// Paths returns the patterns, as http.ServeMux takes them, under which a server
// that is shared with others has to mount the Sandbox.
func (s *Sandbox) Paths() []string {
	return []string{"/cgi-bin/", "/wxa/", cloudcall.Path, "/sandbox/"}
}

// ServeHTTP implements http.Handler. Under a fault it may panic with
// http.ErrAbortHandler, which net/http turns into a broken connection.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// RevokeTokens refuses every issued token from now on, with 40001. It also sets the
// same-token trap: a normal fetch from stable_token returns the refused token, until
// force_refresh or until it is due. (Whether production does so is unknown; a client must
// survive it.)
func (s *Sandbox) RevokeTokens() {
	for _, app := range s.apps {
		app.RevokeTokens()
	}
}

// RotateTokens refuses every issued token from now on, with 40001, as if another client had
// refreshed. The next fetch, forced or not, returns a good one.
func (s *Sandbox) RotateTokens() {
	for _, app := range s.apps {
		app.RotateTokens()
	}
}

// CloudbaseAccessToken is App.CloudbaseAccessToken of the first app.
func (s *Sandbox) CloudbaseAccessToken() string { return s.app.CloudbaseAccessToken() }

// AccessToken returns the first app's current access_token, as stable_token does.
func (s *Sandbox) AccessToken() string {
	reply, _ := s.app.tokens.fetchStable(false) // fails only if forced
	return reply.AccessToken
}
