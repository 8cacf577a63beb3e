// Package sotercalltest stands in for WeChat and for its users' phones, for the tests of a
// program that uses package sotercall. No account, no phone and no network is needed.
//
//	wechat := sotercalltest.NewServer()
//	defer wechat.Close()
//	service, err := sotercall.Open(wechat.Config())
//	…
//	verified, err := service.Verify(ctx, wechat.Phone("oAlice").Sign(challenge.Text))
//
// The signatures are real: a [Phone] holds an RSA key and signs as a device does, and the
// [Server] judges with the public half, as WeChat does. Its codes and texts are WeChat's.
// docs/sandbox.md says what is known of WeChat, and what the stand-in decides itself.
package sotercalltest

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"time"

	"sotercall"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
)

// BearerToken is the one that [Server.Config] has [sotercall.Service.Handler] accept.
const BearerToken = "bearer-no-secret-of-the-tests"

// challengeSecret signs challenges in tests.
const challengeSecret = "challenge-no-secret-of-the-tests"

// Server is a stand-in for WeChat on loopback. It is safe for concurrent use. Make it with
// [NewServer].
type Server struct {
	// URL is its base address, for [sotercall.Config.APIBases] or WECHAT_API_BASE.
	URL string

	apps    []sotercall.App
	sandbox *sandbox.Sandbox
	server  *httptest.Server
}

// NewServer starts a Server that knows apps, or one app if there are none: the sandbox's,
// wx5a4db0c55a4db0c5. Close it. As httptest does, it panics if it cannot start, and also if
// an app has no AppSecret or is there twice.
func NewServer(apps ...sotercall.App) *Server {
	if len(apps) == 0 {
		apps = []sotercall.App{{AppID: sandbox.DefaultAppID, AppSecret: sandbox.DefaultAppSecret}}
	}
	options := sandbox.Options{AppID: apps[0].AppID, AppSecret: apps[0].AppSecret}
	for _, app := range apps[1:] {
		options.Apps = append(options.Apps, sandbox.Credentials{AppID: app.AppID, AppSecret: app.AppSecret})
	}
	s, err := sandbox.New(options)
	if err != nil {
		panic("sotercalltest: " + err.Error())
	}
	server := httptest.NewServer(s)
	return &Server{URL: server.URL, apps: slices.Clone(apps), sandbox: s, server: server}
}

// Close stops the Server, when the requests under way have been answered.
func (s *Server) Close() { s.server.Close() }

// Config returns what makes a Service that asks this Server: with all its apps, with a
// secret for challenges, with [BearerToken], and without a log. Change what a test is about.
func (s *Server) Config() sotercall.Config {
	return sotercall.Config{
		Apps:             slices.Clone(s.apps),
		APIBases:         []string{s.URL},
		ChallengeSecrets: []string{challengeSecret},
		Auth:             sotercall.Auth{BearerTokens: []string{BearerToken}},
		Logger:           slog.New(slog.DiscardHandler),
	}
}

// Phone returns the phone of a user of the first app. The first call makes its keys, which
// takes some tenths of a second, and WeChat knows them from then on. It panics if openid is
// empty or longer than 128 bytes.
func (s *Server) Phone(openid string) *Phone { return s.PhoneIn(s.apps[0].AppID, openid) }

// PhoneIn returns the phone of a user of one of several apps. An openid belongs to one app:
// it panics if the app is unknown, or if the openid is one of another app.
func (s *Server) PhoneIn(appID, openid string) *Phone {
	app, err := s.sandbox.App(appID)
	if err != nil {
		panic("sotercalltest: " + err.Error())
	}
	phone, err := app.Phone(openid, sandbox.Android)
	if err != nil {
		panic("sotercalltest: " + err.Error())
	}
	return &Phone{phone: phone, appID: appID}
}

// Verifications returns how many requests to verify a signature have come.
func (s *Server) Verifications() int { return s.sandbox.Requests(openapi.HTTPSCallPath) }

// Fault is something that goes wrong at WeChat or on the way there.
type Fault int

// The faults.
const (
	// Down closes each connection without an answer.
	Down Fault = iota + 1
	// Silent leaves each request without an answer, until its client gives up.
	Silent
	// Busy answers errcode -1 to each request.
	Busy
	// QuotaUsedUp answers errcode 45009 to each verification: the day's quota is used up.
	QuotaUsedUp
	// UnknownUser answers errcode 40003 to each verification: the openid is not one of this
	// app, or has no key.
	UnknownUser
	// TokensRevoked refuses, once, all access_tokens that were given out, as when something
	// else fetches for the same app. A Service survives it.
	TokensRevoked
)

// Fail makes a fault happen from now on. Faults of before go on.
func (s *Server) Fail(fault Fault) {
	const verify = openapi.HTTPSCallPath
	var f sandbox.Fault
	switch fault {
	case Down:
		f = sandbox.Fault{Kind: sandbox.FaultDrop}
	case Silent:
		f = sandbox.Fault{Kind: sandbox.FaultDelay, DelayMS: int(10 * time.Minute / time.Millisecond)}
	case Busy:
		f = sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: -1}
	case QuotaUsedUp:
		f = sandbox.Fault{Path: verify, Kind: sandbox.FaultErrCode, ErrCode: openapi.CodeDayQuota}
	case UnknownUser:
		f = sandbox.Fault{Path: verify, Kind: sandbox.FaultErrCode, ErrCode: openapi.CodeInvalidOpenID}
	case TokensRevoked:
		s.sandbox.RotateTokens()
		return
	default:
		panic(fmt.Sprintf("sotercalltest: there is no fault %d", fault))
	}
	if err := s.sandbox.Inject(f); err != nil {
		panic("sotercalltest: " + err.Error())
	}
}

// Recover ends all faults.
func (s *Server) Recover() { s.sandbox.ClearFaults() }

// Phone is a software phone of one user. It is safe for concurrent use.
type Phone struct {
	phone *sandbox.Phone
	appID string
}

// Sign returns what a page sends to its backend after wx.startSoterAuthentication, when the
// user has put a finger on the sensor: a genuine signature of a challenge. It panics if the
// challenge is empty or longer than 512 characters.
func (p *Phone) Sign(challenge string) sotercall.Request {
	signed, err := p.phone.Sign(challenge)
	if err != nil {
		panic("sotercalltest: " + err.Error())
	}
	return sotercall.Request{
		AppID: p.appID, OpenID: signed.OpenID, JSONString: signed.JSONString, JSONSignature: signed.JSONSignature,
	}
}

// SignWrongly returns the same with a signature that is not genuine: that of another text.
func (p *Phone) SignWrongly(challenge string) sotercall.Request {
	r, other := p.Sign(challenge), p.Sign(challenge) // the counter has grown
	r.JSONSignature = other.JSONSignature
	return r
}
