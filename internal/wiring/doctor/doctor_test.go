package doctor_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secrets"
	"sotercall/internal/secrets/secretsmanagertest"
	"sotercall/internal/store/redis/redistest"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
	"sotercall/internal/test/tlstest"
	"sotercall/internal/wiring/deployed"
	"sotercall/internal/wiring/doctor"
)

const (
	challengeSecret = "a-challenge-secret-of-the-doctors-test"
	wrongSecret     = "0123456789abcdef0123456789abcdef"
	verifyPath      = "/cgi-bin/soter/verify_signature"
	stablePath      = "/cgi-bin/stable_token"
)

// patient is a deployment to check, in front of a sandbox.
type patient struct {
	hosted.Sandbox
	variables map[string]string
	change    func(p *doctor.Plan) // nil: the plan stays as it is
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	s := hosted.NewSandbox(t, sandbox.Options{})
	return &patient{Sandbox: s, variables: map[string]string{
		"WECHAT_APPID": sandbox.DefaultAppID, "WECHAT_APPSECRET": sandbox.DefaultAppSecret, "CHALLENGE_SECRET": challengeSecret,
		"WECHAT_API_BASE": byName(s.URL),
	}}
}

// byName is a loopback address with a name to look up.
func byName(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }

// check returns the report, which must hold no secret.
func (p *patient) check(t *testing.T) doctor.Report {
	t.Helper()
	report := doctor.Check(t.Context(), func(environment map[string]string) (doctor.Plan, error) {
		plan, err := deployed.Stores().ServicePlan(environment)
		plan.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
		if p.change != nil {
			p.change(&plan)
		}
		return plan, err
	}, secrets.Open, p.variables)
	var text strings.Builder
	require.NoError(t, doctor.Print(report, &text))
	for _, secret := range []string{p.variables["WECHAT_APPSECRET"], challengeSecret, redistest.Password, wrongSecret} {
		if secret != "" {
			assert.NotContains(t, text.String(), secret)
		}
	}
	return report
}

// line returns the one line whose name ends so.
func line(t *testing.T, report doctor.Report, name string) doctor.Line {
	t.Helper()
	var found []doctor.Line
	for _, l := range report.Lines {
		if strings.HasSuffix(l.Name, name) {
			found = append(found, l)
		}
	}
	require.Len(t, found, 1, "%s: %+v", name, report.Lines)
	return found[0]
}

// failed asserts that a line has failed, and what it says.
func failed(t *testing.T, report doctor.Report, name, text, do string) {
	t.Helper()
	l := line(t, report, name)
	assert.Equal(t, doctor.Failed, l.Status, "%+v", l)
	assert.Contains(t, l.Text, text)
	assert.Contains(t, l.Do, do)
	assert.False(t, report.Good())
}

func TestAllIsWell(t *testing.T) {
	p := newPatient(t)
	p.variables["REDIS_URL"] = redistest.Start(t).URL.Reveal()
	require.NoError(t, p.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: 40003}))
	report := p.check(t)
	assert.True(t, report.Good(), "%+v", report.Lines)
	host := strings.TrimPrefix(byName(p.URL), "https://")
	for i, want := range []doctor.Line{
		{Name: "variables", Text: "accepted"},
		{Name: host + ": DNS", Text: "1 address"},
		{Name: host + ": TLS", Text: "TLS 1.3, HTTP/1.1; it offers HTTP/2, too"},
		{Name: "clock", Text: "as WeChat's"},
		{Name: "app: token", Text: "WeChat accepts AppID and AppSecret; the access_token is good for 2h0m0s"},
		{Name: "app: permission", Text: "WeChat answers 40003 for an invented user, as where everything works"},
		{Name: "REDIS_URL: read a token", Text: "works"},
		{Name: "REDIS_URL: consume a challenge", Text: "works"},
		{Name: "REDIS_URL: raise a counter", Text: "works"},
		{Name: "REDIS_URL: maxmemory-policy", Text: "noeviction"},
	} {
		want.Status = doctor.OK
		require.Greater(t, len(report.Lines), i)
		assert.Equal(t, want, report.Lines[i])
	}
	assert.Len(t, report.Lines, 10)
	assert.Equal(t, 1, p.Requests(stablePath), "one token")
	assert.Equal(t, 1, p.Requests(verifyPath), "one verification")
}

func TestVariablesThatCannotWork(t *testing.T) {
	p := newPatient(t)
	delete(p.variables, "WECHAT_APPSECRET")
	p.variables["HTTP_AUTH"] = "nobody"
	report := p.check(t)
	require.Len(t, report.Lines, 3, "a line for each mistake, and nothing else is tried: %+v", report.Lines)
	assert.Equal(t, "HTTP_AUTH must be one of bearer, platform, wechat", report.Lines[0].Text)
	assert.Equal(t, "WECHAT_APPSECRET is not set", report.Lines[1].Text)
	assert.Equal(t, doctor.Failed, report.Lines[1].Status)
	assert.Equal(t, doctor.Skipped, report.Lines[2].Status)
	assert.Zero(t, p.Requests(stablePath))

	p.variables["HTTPS_PROXY"] = "ftp://user:" + wrongSecret + "@proxy"
	failed(t, p.check(t), "variables", "HTTPS_PROXY must be the address of a proxy", "docs/configuration.md")
}

func TestSecretsInSecretsManager(t *testing.T) {
	p := newPatient(t)
	store := secretsmanagertest.Start(t)
	store.Put("WECHAT_APPSECRET", sandbox.DefaultAppSecret)
	delete(p.variables, "WECHAT_APPSECRET")
	p.variables["WECHAT_APPSECRET_ARN"] = secretsmanagertest.ARN("WECHAT_APPSECRET")
	p.variables = hosted.With(p.variables, hosted.With(store.Variables(), secretsmanagertest.Credentials()))
	report := p.check(t)
	assert.True(t, report.Good(), "%+v", report.Lines)
	assert.Equal(t, doctor.Line{Name: "secrets", Status: doctor.OK, Text: "read from Secrets Manager: WECHAT_APPSECRET"}, report.Lines[0])

	store.Refuse("AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/r is not authorized")
	report = p.check(t)
	failed(t, report, "secrets", "WECHAT_APPSECRET_ARN: access denied", "secretsmanager:GetSecretValue")
	assert.NotContains(t, fmt.Sprint(report), "123456789012", "it can be pasted")
	require.Len(t, report.Lines, 2, "nothing else is tried")
}

func TestNamesThatCannotBeLookedUp(t *testing.T) {
	p := newPatient(t)
	for text, failure := range map[string]*net.DNSError{
		"there is no such name":           {Err: "no such host", IsNotFound: true},
		"the name server gives no answer": {Err: "i/o timeout", IsTimeout: true},
	} {
		p.change = func(plan *doctor.Plan) {
			plan.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, failure }
		}
		report := p.check(t)
		failed(t, report, ": DNS", text, "DNS settings")
		assert.Equal(t, doctor.Skipped, line(t, report, ": token").Status)
	}
	assert.Zero(t, p.Requests(stablePath))
}

func TestConnectionsThatFail(t *testing.T) {
	closed := fmt.Sprintf("https://127.0.0.1:%d", need.Port(t))
	stranger := tlstest.New().Serve(http.NotFoundHandler(), tlstest.Common...)
	t.Cleanup(stranger.Close)
	for _, c := range []struct{ base, text, do string }{
		{stranger.URL, "the certificate of the server is not trusted", "SSL_CERT_FILE"},
		{tlstest.ServeHTTP2Only(t, true), "the server speaks HTTP/2 only", "speak HTTP/1.1"},
		{tlstest.ServeHTTP2Only(t, false), "the server speaks HTTP/2 only", "speak HTTP/1.1"},
		{closed, "the connection is refused", "correct the host and the port"},
	} {
		p := newPatient(t)
		good := p.variables["WECHAT_API_BASE"]
		p.variables["WECHAT_API_BASE"] = c.base
		report := p.check(t)
		failed(t, report, ": TLS", c.text, c.do)
		assert.Equal(t, doctor.Skipped, line(t, report, "clock").Status)
		assert.Equal(t, doctor.Skipped, line(t, report, ": token").Status)

		p.variables["WECHAT_API_BASE"], p.variables["WECHAT_TOKEN_BASE"] = good, c.base
		report = p.check(t)
		assert.Equal(t, doctor.OK, line(t, report, "clock").Status)
		l := report.Lines[4]
		assert.Equal(t, strings.TrimPrefix(c.base, "https://")+": TLS", l.Name)
		assert.Equal(t, doctor.Failed, l.Status)
		assert.Contains(t, l.Text, c.text)
		assert.Equal(t, doctor.Skipped, line(t, report, ": token").Status, "the token server is needed")
	}
	// The certificate is not for this address.
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err == nil { // not everywhere is all of 127.0.0.0/8 this machine
		other := httptest.NewUnstartedServer(http.NotFoundHandler())
		require.NoError(t, other.Listener.Close())
		other.Listener, other.TLS = listener, tlstest.Own().Config(tlstest.Common...)
		other.StartTLS()
		t.Cleanup(other.Close)
		p := newPatient(t)
		p.variables["WECHAT_API_BASE"] = other.URL
		failed(t, p.check(t), ": TLS", "the certificate of the server is for another name", "a portal")
	}
	// Of several hosts of WeChat's, one is enough.
	p := newPatient(t)
	p.variables["WECHAT_API_BASE"] = closed + "," + p.variables["WECHAT_API_BASE"]
	assert.Equal(t, doctor.OK, line(t, p.check(t), ": token").Status)
}

// What is mute uses up half of the time, and what is left is for the rest.
func TestMuteServer(t *testing.T) {
	mute := hosted.ServeTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	base, err := url.Parse(mute)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	failed(t, doctor.Run(ctx, doctor.Plan{API: []*url.URL{base}}, true), ": TLS", "no answer in time", "NAT gateway")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	report := doctor.Run(ended, doctor.Plan{}, true)
	assert.Equal(t, "not tried, no time was left", line(t, report, "the rest").Text)
}

func TestClock(t *testing.T) {
	p := newPatient(t)
	for ahead, want := range map[time.Duration]doctor.Line{
		0:                 {Name: "clock", Status: doctor.OK, Text: "as WeChat's"},
		95 * time.Second:  {Name: "clock", Status: doctor.Failed, Text: "ahead of WeChat's"},
		-95 * time.Second: {Name: "clock", Status: doctor.Failed, Text: "behind WeChat's"},
		15 * time.Second:  {Name: "clock", Status: doctor.OK, Text: "ahead of WeChat's"},
	} {
		p.change = func(plan *doctor.Plan) { plan.Now = func() time.Time { return time.Now().Add(ahead) } }
		l := line(t, p.check(t), "clock")
		assert.Equal(t, want.Status, l.Status, ahead)
		assert.Contains(t, l.Text, want.Text)
		assert.Equal(t, want.Status == doctor.Failed, strings.Contains(l.Do, "NTP"))
	}
	// A server without a Date.
	silent := hosted.ServeTLS(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Date"] = nil }))
	p.variables["WECHAT_API_BASE"], p.change = silent, nil
	assert.Equal(t, doctor.Skipped, line(t, p.check(t), "clock").Status)
}

func TestCredentialsAndAllowList(t *testing.T) {
	for name, c := range map[string]struct {
		variable, value string
		fault           sandbox.Fault
		text, do        string
	}{
		"another AppID":       {variable: "WECHAT_APPID", value: "wx0123456789abcdef", text: "40013 invalid appid", do: "compare WECHAT_APPID"},
		"another secret":      {variable: "WECHAT_APPSECRET", value: wrongSecret, text: "40125 invalid appsecret", do: "compare WECHAT_APPSECRET"},
		"not on the list":     {fault: sandbox.Fault{ErrCode: 40164, ErrMsg: "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1"}, text: "40164 invalid ip", do: "enter 203.0.113.7 in"},
		"a list without name": {fault: sandbox.Fault{ErrCode: 40164, ErrMsg: "not in whitelist"}, text: "40164", do: "enter the function's egress address in"},
		"a frozen secret":     {fault: sandbox.Fault{ErrCode: 40243}, text: "40243", do: "unfreeze it"},
		"a code of the future": {fault: sandbox.Fault{ErrCode: 99999, ErrMsg: "news \x1b[31m of\nthe day"}, text: "99999 news [31m of the day",
			do: "WeChat's documentation"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t)
			if c.variable != "" {
				p.variables[c.variable] = c.value
			} else {
				c.fault.Path, c.fault.Kind = stablePath, sandbox.FaultErrCode
				require.NoError(t, p.Inject(c.fault))
			}
			report := p.check(t)
			failed(t, report, ": token", c.text, c.do)
			assert.Equal(t, doctor.Skipped, line(t, report, ": permission").Status)
		})
	}
	p := newPatient(t)
	require.NoError(t, p.Inject(sandbox.Fault{Path: stablePath, Kind: sandbox.FaultHTML}))
	failed(t, p.check(t), ": token", "the reply is not what WeChat's documentation says", "a portal or a proxy")
}

// A classic token would retire the one that is in use.
func TestClassicTokenIsNotFetched(t *testing.T) {
	p := newPatient(t)
	p.variables["ACCESS_TOKEN_MODE"] = "classic"
	assert.Contains(t, line(t, p.check(t), ": token").Text, "a stable one")
	assert.Zero(t, p.Requests("/cgi-bin/token"))
	assert.Equal(t, 1, p.Requests(stablePath))
}

// A token server answers with tokens of its own; here it is the sandbox at another address.
func TestTokenServer(t *testing.T) {
	p := newPatient(t)
	p.variables["WECHAT_TOKEN_BASE"] = hosted.Serve(t, p.Sandbox)
	report := p.check(t)
	assert.True(t, report.Good(), "%+v", report.Lines)
	assert.Contains(t, line(t, report, ": token").Text, "the token server accepts the client secret")
	assert.Equal(t, "HTTP/1.1 in the clear, as the settings allow", line(t, report, ": connection").Text)

	p.variables["WECHAT_APPSECRET"] = wrongSecret
	failed(t, p.check(t), ": token", "40125", "TOKEN_CLIENT_SECRETS")
}

func TestPermission(t *testing.T) {
	p := newPatient(t)
	assert.Contains(t, line(t, p.check(t), ": permission").Text, "this is a sandbox", "it knows the user of its event")
	require.NoError(t, p.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: 48001, ErrMsg: "api unauthorized"}))
	failed(t, p.check(t), ": permission", "48001 api unauthorized", "the API is not granted to this account")
}

// In Cloud Hosting, the open API service stands beside the container.
func TestOpenAPIService(t *testing.T) {
	p := newPatient(t)
	app, err := p.App("")
	require.NoError(t, err)
	p.variables = map[string]string{"ACCESS_TOKEN_MODE": "none"}
	serve := func(permitted ...string) {
		service := app.OpenAPIService(permitted...)
		service.ContainerStarted()
		server := httptest.NewServer(service)
		t.Cleanup(server.Close)
		p.variables["WECHAT_API_BASE"] = server.URL
	}
	serve()
	failed(t, p.check(t), "permission", "41001", "")
	serve("/cgi-bin/another")
	failed(t, p.check(t), "permission", "微信令牌", "the three steps")
	serve(verifyPath)
	assert.Equal(t, doctor.OK, line(t, p.check(t), "permission").Status)
	require.NoError(t, p.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultStatus, Status: 502}))
	failed(t, p.check(t), "permission", "HTTP 502", "")
}

func TestSeveralApps(t *testing.T) {
	p := newPatient(t)
	delete(p.variables, "WECHAT_APPID")
	delete(p.variables, "WECHAT_APPSECRET")
	p.variables["WECHAT_APPS"] = `{"apps":{"` + sandbox.DefaultAppID + `":{"secret":"` + sandbox.DefaultAppSecret + `"},"wx0123456789abcdef":{"secret":"` + wrongSecret + `"}}}`
	report := p.check(t)
	assert.Equal(t, doctor.OK, line(t, report, sandbox.DefaultAppID+": token").Status)
	failed(t, report, "wx0123456789abcdef: token", "40013", "compare WECHAT_APPID")
}

func TestEventIsTheRecordedOne(t *testing.T) {
	here, err := os.ReadFile("event.json")
	require.NoError(t, err)
	recorded, err := os.ReadFile("../../../deploy/events/direct.json")
	require.NoError(t, err)
	assert.Equal(t, string(recorded), string(here))
}
