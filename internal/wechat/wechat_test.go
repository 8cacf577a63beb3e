package wechat_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/deploy/events"
	"sotercall/internal/accesstoken"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

const (
	verifyPath  = "/cgi-bin/soter/verify_signature"
	tokenPath   = "/cgi-bin/stable_token"
	classicPath = "/cgi-bin/token"
)

// bench is a client of WeChat, and the sandbox that it talks to over real HTTP.
type bench struct {
	*sandbox.Sandbox
	server      *httptest.Server
	connections atomic.Int32 // how many the server has accepted
	client      *wechat.API
	pauses      *[]time.Duration
	verifier    *wechat.Verifier
	tokens      *accesstoken.Cache
	log         lockedBuffer
	// clock is in Unix nanoseconds: a fetch looks at it once more after its callers
	// have gone on.
	clock atomic.Int64
}

// lockedBuffer collects a log that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *bench) pass(d time.Duration) { b.clock.Add(int64(d)) }

func newBench(t *testing.T, o sandbox.Options) *bench {
	b := new(bench)
	b.clock.Store(time.Now().UnixNano())
	var err error
	b.Sandbox, err = sandbox.New(o)
	require.NoError(t, err)
	b.server = httptest.NewUnstartedServer(b.Sandbox)
	b.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			b.connections.Add(1)
		}
	}
	b.server.Start()
	t.Cleanup(b.server.Close)
	now := func() time.Time { return time.Unix(0, b.clock.Load()) }
	b.client = wechat.New(now)
	b.pauses = b.client.RecordPauses()
	base, err := url.Parse(b.server.URL)
	require.NoError(t, err)
	b.tokens = accesstoken.NewCache(accesstoken.Config{
		Endpoint: b.client.StableToken(b.client.Hosts(base), wechat.Credentials{
			AppID: sandbox.DefaultAppID, AppSecret: secret.New(sandbox.DefaultAppSecret)}),
		Store: accesstoken.NewMemory(time.Now),
		Now:   now,
		Log:   slog.New(slog.NewJSONHandler(&b.log, nil)),
	})
	b.verifier = b.client.Verifier(b.client.Hosts(base), b.tokens)
	return b
}

// warm makes a first call, and lets so much time pass that nothing of it is news.
func warm(t *testing.T, b *bench) {
	t.Helper()
	_, err := b.verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	b.pass(time.Minute)
}

// sample is the sandbox's demo user's, signed once and for all.
func sample(*testing.T) openapi.Request {
	s := events.Direct()
	return openapi.Request{OpenID: s.OpenID, JSONString: s.JSONString, JSONSignature: s.JSONSignature}
}

func tampered(t *testing.T) openapi.Request {
	r := sample(t)
	r.JSONString = strings.Replace(r.JSONString, "demo", "dem0", 1)
	return r
}

func TestGenuineAndTampered(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	verdict, err := b.verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())

	verdict, err = b.verifier.Verify(t.Context(), tampered(t))
	require.NoError(t, err)
	assert.False(t, verdict.IsGenuine())
	assert.Equal(t, "WeChat says that the signature is wrong", verdict.Reason())
}

func TestReplyWithoutErrcodeCounts(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultBare}))
	verdict, err := b.verifier.Verify(t.Context(), sample(t))
	require.NoError(t, err)
	assert.True(t, verdict.IsGenuine())
	verdict, err = b.verifier.Verify(t.Context(), tampered(t))
	require.NoError(t, err)
	assert.False(t, verdict.IsGenuine())
}

func TestWarmVerificationIsOneRequestOnOneConnection(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	for range 10 {
		_, err := b.verifier.Verify(t.Context(), sample(t))
		require.NoError(t, err)
	}
	assert.Equal(t, 10, b.Requests(verifyPath))
	assert.Equal(t, 1, b.Requests(tokenPath))
	assert.EqualValues(t, 1, b.connections.Load())
}

func TestConnectionThatDiedIsReplacedUnnoticed(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	for range 3 {
		b.server.CloseClientConnections()
		verdict, err := b.verifier.Verify(t.Context(), sample(t))
		require.NoError(t, err)
		assert.True(t, verdict.IsGenuine())
	}
	assert.Empty(t, *b.pauses)

	// A connection that dies under the request.
	for _, kind := range []sandbox.FaultKind{sandbox.FaultReset, sandbox.FaultDrop} {
		require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: kind, Times: 1}))
		verdict, err := b.verifier.Verify(t.Context(), sample(t))
		require.NoError(t, err, kind)
		assert.True(t, verdict.IsGenuine())
	}
	assert.Empty(t, *b.pauses)
}

func TestConnectionIsNotTrustedAfterALongFreeze(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	verify := func() {
		_, err := b.verifier.Verify(t.Context(), sample(t))
		require.NoError(t, err)
	}
	verify()
	b.pass(29 * time.Second)
	verify()
	assert.EqualValues(t, 1, b.connections.Load())
	b.pass(31 * time.Second)
	verify()
	assert.EqualValues(t, 2, b.connections.Load())
}

func TestPassingFailuresAreRepeated(t *testing.T) {
	for _, fault := range []sandbox.Fault{
		{Kind: sandbox.FaultErrCode, ErrCode: -1},
		{Kind: sandbox.FaultStatus, Status: 500},
		{Kind: sandbox.FaultStatus, Status: 503},
		{Kind: sandbox.FaultReset},
	} {
		t.Run(string(fault.Kind), func(t *testing.T) {
			b := newBench(t, sandbox.Options{})
			fault.Path, fault.Times = verifyPath, 3
			warm(t, b)
			require.NoError(t, b.Inject(fault))
			verdict, err := b.verifier.Verify(t.Context(), sample(t))
			require.NoError(t, err)
			assert.True(t, verdict.IsGenuine())
			// The transport itself may have repeated a reset on a used connection.
			assert.NotEmpty(t, *b.pauses)
			assert.Less(t, len(*b.pauses), 4)
		})
	}
}

func TestFailuresThatDoNotPass(t *testing.T) {
	long := `{"errcode":0,"is_ok":true,"pad":"` + strings.Repeat("x", 70<<10) + `"}`
	for _, c := range []struct {
		name     string
		fault    sandbox.Fault
		code     int
		attempts int
	}{
		{"busy for ever", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: -1}, -1, 4},
		{"HTTP 500 for ever", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 500}, openapi.CodeSystem, 4},
		{"HTTP 404", sandbox.Fault{Kind: sandbox.FaultStatus, Status: 404}, openapi.CodeSystem, 1},
		{"redirect", sandbox.Fault{Kind: sandbox.FaultRedirect}, openapi.CodeSystem, 1},
		{"HTML", sandbox.Fault{Kind: sandbox.FaultHTML}, openapi.CodeSystem, 4},
		{"truncated", sandbox.Fault{Kind: sandbox.FaultTruncated}, openapi.CodeSystem, 4},
		{"nothing", sandbox.Fault{Kind: sandbox.FaultEmpty}, openapi.CodeSystem, 4},
		{"too long", sandbox.Fault{Kind: sandbox.FaultBody, Body: long}, openapi.CodeSystem, 4},
		{"neither is_ok nor an error", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"errcode":0,"errmsg":"ok"}`}, openapi.CodeSystem, 4},
		{"is_ok null", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"is_ok":null}`}, openapi.CodeSystem, 4},
		{"is_ok a string", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"is_ok":"true"}`}, openapi.CodeSystem, 4},
		{"is_ok a number", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"is_ok":1}`}, openapi.CodeSystem, 4},
		{"is_ok twice", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"is_ok":false,"is_ok":true}`}, openapi.CodeSystem, 4},
		{"Is_Ok", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"Is_Ok":true}`}, openapi.CodeSystem, 4},
		{"text after it", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"is_ok":true}{}`}, openapi.CodeSystem, 4},
		{"an error that says is_ok", sandbox.Fault{Kind: sandbox.FaultBody, Body: `{"errcode":48001,"errmsg":"no","is_ok":true}`}, 48001, 1},
		{"the day's quota", sandbox.Fault{Kind: sandbox.FaultErrCode, ErrCode: 45009}, 45009, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, sandbox.Options{})
			c.fault.Path = verifyPath
			warm(t, b)
			require.NoError(t, b.Inject(c.fault))
			verdict, err := b.verifier.Verify(t.Context(), sample(t))
			var e *openapi.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.code, e.Code)
			assert.False(t, verdict.IsGenuine())
			assert.Equal(t, 1+c.attempts, b.Requests(verifyPath))
			assert.Equal(t, 0, b.Requests("/cgi-bin/redirected"))
			assertNoSecret(t, b, err)

			b.ClearFaults()
			verdict, err = b.verifier.Verify(t.Context(), sample(t))
			require.NoError(t, err, "the twin")
			assert.True(t, verdict.IsGenuine())
		})
	}
}

// assertNoSecret looks for every secret of the call in an error and in the log.
func assertNoSecret(t *testing.T, b *bench, err error) {
	t.Helper()
	said := err.Error() + b.log.String()
	assert.NotContains(t, said, sandbox.DefaultAppSecret)
	assert.NotContains(t, said, sample(t).JSONSignature)
	if token, err := b.tokens.Token(t.Context()); err == nil {
		assert.NotContains(t, said, token.Value.Reveal())
	}
}

func TestNoTimeLeft(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	warm(t, b)
	require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultDelay, DelayMS: 60_000}))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := b.verifier.Verify(ctx, sample(t))
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, openapi.CodeTimeout, e.Code)
	assertNoSecret(t, b, err)

	// For a pause that is longer than what is left, nobody waits.
	b.ClearFaults()
	require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultStatus, Status: 503}))
	ctx, cancel = context.WithTimeout(t.Context(), 40*time.Millisecond)
	defer cancel()
	_, err = b.verifier.Verify(ctx, sample(t))
	require.ErrorAs(t, err, &e)
	assert.Contains(t, []int{openapi.CodeSystem, openapi.CodeTimeout}, e.Code)
	assert.Empty(t, *b.pauses)
}

func TestNobodyListens(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	b.server.Close()
	_, err := b.verifier.Verify(t.Context(), sample(t))
	var e *openapi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, openapi.CodeSystem, e.Code)
	assertNoSecret(t, b, err)
}

func TestJournalTellsWhatItTook(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	ctx, entry := journal.New(t.Context())
	require.NoError(t, b.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultStatus, Times: 1}))
	_, err := b.verifier.Verify(ctx, sample(t))
	require.NoError(t, err)
	names := map[string]string{}
	entry.Record(time.Now(), slog.LevelInfo, "").Attrs(func(a slog.Attr) bool {
		names[a.Key] = a.Value.String()
		return true
	})
	assert.Equal(t, "1", names["token_fetches"])
	assert.Equal(t, "3", names["upstream_attempts"])
	assert.Contains(t, names, "upstream_ms")
	assert.Contains(t, names, "token_ms")
}
