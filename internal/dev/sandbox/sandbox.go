// Package sandbox is a stand-in for WeChat on loopback: its HTTPS API, CloudBase's
// gateway to it, the phone in the user's hand, and the faults of real life on
// request.
//
// Four kinds of visitor meet it:
//
//	the program under test  /cgi-bin/token, /cgi-bin/stable_token, /cgi-bin/soter/verify_signature
//	the same by Cloud Call  /admin, the gateway that wx-server-sdk speaks to
//	a person or a script    /sandbox/devices, /sandbox/phone/sign, /sandbox/faults
//	a container             App.CallContainer, App.OpenAPIService: Cloud Hosting's side of WeChat
//	a Go test               New, Phone, Inject, Requests, RevokeTokens, App
//
// The signatures are real: a [Phone] holds an RSA-2048 AuthKey and signs like a
// device, one of those that [Devices] lists, and verify_signature judges with the
// public half, as WeChat does with the key it never publishes. Codes and texts are
// WeChat's own, so that any client of WeChat can be pointed here by changing its
// base URL. What WeChat documents nowhere is decided in favour of showing a
// careless client its mistake, and said so beside the code.
//
// It is for laptops and tests. Whoever reaches its control paths can sign for
// every user it knows, so listen on loopback only.
package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sotercall/internal/cloudcall"
)

// The credentials that a Sandbox knows unless told otherwise. They open nothing
// but a sandbox: they are no secrets, and shaped so that nobody takes them for
// some (a real AppSecret is 32 hex digits).
const (
	DefaultAppID     = "wx5a4db0c55a4db0c5"
	DefaultAppSecret = "sandbox-is-no-secret-sandbox-000"
)

const defaultExpiresIn = 7200 * time.Second

// Options of a Sandbox. The zero value is a sandbox with WeChat's defaults that
// forgets its phones when the process ends.
type Options struct {
	// Dir is the folder where phones are kept, so that another process, or the
	// next one, meets the same phones: <openid in base32>/<device>.json, with
	// the private key in it, hence 0700 and 0600. It is created if need be. ""
	// keeps the phones in memory.
	Dir string

	// Now is the clock of tokens and rids, time.Now if nil. Delays of faults
	// pass in real time.
	Now func() time.Time

	// AppID and AppSecret are the credentials of the first app, which is meant
	// where none is named; DefaultAppID and DefaultAppSecret if empty.
	AppID, AppSecret string

	// Apps are more Mini Programs and Official Accounts beside it.
	Apps []Credentials

	// ExpiresIn is the life of a token, in whole seconds; 0 means 7200 s.
	ExpiresIn time.Duration

	// Strict ends a token the moment its successor is handed out. Otherwise it
	// lives five minutes more, as WeChat documents.
	Strict bool

	// HostileTokens hands out tokens that contain + / = and &, which only a
	// client that escapes its URLs brings back whole. Otherwise tokens are made
	// of [A-Za-z0-9_-], like WeChat's.
	HostileTokens bool

	// FirstToken is the text of the first access_token that is handed out to the
	// first app, such as EventToken; "" makes it like the others.
	FirstToken string

	// CloudSecretID and CloudSecretKey are the only credentials with which a Cloud
	// Call may be signed. Without them its Authorization is not looked at, so that
	// the SDK runs with any.
	CloudSecretID, CloudSecretKey string

	// FunctionConfig is the content of the config.json of the function that makes
	// Cloud Calls: they are refused with -604101 unless permissions.openapi lists
	// soter.verifySignature. nil permits them, for a function that is being tried
	// on a laptop and has not been uploaded anywhere.
	FunctionConfig []byte

	// Containers lets containers of this computer control it too, under the name that
	// they have for it. Whoever serves it there keeps all others away
	// (loopback.Containers.Only).
	Containers bool

	// Log gets a line per API request, without a token in it; nil discards.
	Log *slog.Logger
}

// Sandbox is an http.Handler that answers as WeChat. It is made by New and safe
// for concurrent use.
type Sandbox struct {
	now     func() time.Time
	log     *slog.Logger
	mux     *http.ServeMux
	newKey  func() (*rsa.PrivateKey, error) // tests put ready-made keys here
	app     *App                            // the first one
	apps    map[string]*App                 // all of them, by AppID
	gateway gateway
	phones  phones
	// containers says that they may control it.
	containers bool

	mu     sync.Mutex
	faults []Fault            // guarded by mu; Times counts down, spent ones leave
	counts map[counted]int    // guarded by mu; API requests
	last   map[string]Request // guarded by mu; the newest one by path
}

// New builds a Sandbox. It fails when Dir cannot be created, and with ErrArgument
// when ExpiresIn is not a whole number of seconds, an app is named twice or has no
// secret, one of the two cloud secrets is missing or FunctionConfig is not JSON.
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

// routes lists everything that is served. API paths go through observed, which
// counts them and lets faults strike; control paths go through local.
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

// RevokeTokens refuses, from now on and with 40001, every token that was handed
// out, and lays the same-token trap: a normal fetch from stable_token goes on
// handing back the very token that is refused, until force_refresh or until it
// is due. (Whether production does so is unknown; a client must survive it.)
func (s *Sandbox) RevokeTokens() {
	for _, app := range s.apps {
		app.RevokeTokens()
	}
}

// RotateTokens refuses, from now on and with 40001, every token that was handed
// out, as if somebody else had refreshed: the next fetch, forced or not, brings
// a good one.
func (s *Sandbox) RotateTokens() {
	for _, app := range s.apps {
		app.RotateTokens()
	}
}

// CloudbaseAccessToken is App.CloudbaseAccessToken of the first app.
func (s *Sandbox) CloudbaseAccessToken() string { return s.app.CloudbaseAccessToken() }
