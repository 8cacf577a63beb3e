package wechat_test

import (
	"log/slog"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/secret"
	"sotercall/internal/wechat"
)

// fleet counts, at the sandbox, what a verifier fetches. Its clock stands still
// until it is moved.
type fleet struct {
	*sandbox.Sandbox
	verifier *wechat.Verifier
	clock    atomic.Int64 // in Unix nanoseconds
}

func (f *fleet) now() time.Time { return time.Unix(0, f.clock.Load()) }

func (f *fleet) pass(d time.Duration) { f.clock.Add(int64(d)) }

func newFleet(t *testing.T, o sandbox.Options) *fleet {
	f := new(fleet)
	f.clock.Store(time.Now().UnixNano())
	o.Now = f.now
	var err error
	f.Sandbox, err = sandbox.New(o)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(f.Sandbox)
	listen(t, server)
	server.Start()
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	require.NoError(t, err)
	client := wechat.New(f.now)
	if inBubble(t) {
		client.DialWith(t, dial)
	}
	client.RecordPauses()
	f.verifier = client.Verifier(client.Hosts(base), client.Tokens(wechat.TokenConfig{
		Base:        client.Hosts(base),
		Credentials: wechat.Credentials{AppID: sandbox.DefaultAppID, AppSecret: secret.New(sandbox.DefaultAppSecret)},
		Store:       accesstoken.NewMemory(time.Now),
		Log:         slog.New(slog.DiscardHandler),
	}))
	return f
}

// verify makes so many calls at once, and returns how many failed.
func (f *fleet) verify(t *testing.T, calls int) (failed int32) {
	t.Helper()
	request := sample(t)
	var failures atomic.Int32
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			verdict, err := f.verifier.Verify(t.Context(), request)
			if err != nil || !verdict.IsGenuine() {
				failures.Add(1)
			}
		})
	}
	wg.Wait()
	return failures.Load()
}

// strict is WeChat's worst case (only the newest token is valid), overlap its
// documented one (the previous token lives 5 minutes more).
var modes = map[string]sandbox.Options{"strict": {Strict: true}, "overlap": {}}

func TestThousandCallsFetchOnce(t *testing.T) {
	for mode, options := range modes {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, options)
				assert.Zero(t, f.verify(t, 1000), "failed, cold")
				assert.Equal(t, 1, f.Requests(tokenPath), "fetches, cold")

				f.pass(time.Minute) // so that the token has not been accepted just now
				f.RevokeTokens()    // and the token endpoint goes on giving the same one
				assert.Zero(t, f.verify(t, 1000), "failed, revoked")
				assert.LessOrEqual(t, f.Requests(tokenPath), 3, "one normal and one forced fetch more")

				f.pass(time.Minute)
				before := f.Requests(tokenPath)
				f.RotateTokens() // somebody else has refreshed
				assert.Zero(t, f.verify(t, 1000), "failed, rotated")
				assert.LessOrEqual(t, f.Requests(tokenPath)-before, 1)
			})
		})
	}
}

func TestShortLivesMakeNoStorm(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for mode, options := range modes {
			for _, life := range []time.Duration{60 * time.Second, 7 * time.Second, time.Second} {
				options.ExpiresIn = life
				f := newFleet(t, options)
				const lives = 20
				for range lives * 10 {
					assert.Zero(t, f.verify(t, 5), "%s, %s", mode, life)
					f.pass(life / 10)
				}
				assert.LessOrEqual(t, f.Requests(tokenPath), 2*lives, "%s, %s: at most two fetches in a token's life", mode, life)
				assert.GreaterOrEqual(t, f.Requests(tokenPath), lives, "%s, %s: the twin, it does renew", mode, life)
			}
		}
	})
}

// While a token is valid, a token endpoint that fails does no harm, and is not
// hammered.
func TestFailingTokenEndpointDoesNoHarmWhileATokenIsValid(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"busy":    {Kind: sandbox.FaultErrCode, ErrCode: -1},
		"quota":   {Kind: sandbox.FaultErrCode, ErrCode: 45009},
		"HTML":    {Kind: sandbox.FaultHTML},
		"nothing": {Kind: sandbox.FaultEmpty},
		"dropped": {Kind: sandbox.FaultDrop},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFleet(t, sandbox.Options{})
				require.Zero(t, f.verify(t, 1))
				fault.Path = tokenPath
				require.NoError(t, f.Inject(fault))
				f.pass(2*time.Hour - 5*time.Minute) // it is due, and lives five minutes more
				for range 20 {
					assert.Zero(t, f.verify(t, 10))
					f.pass(10 * time.Second)
				}
				assert.LessOrEqual(t, f.Requests(tokenPath), 1+20*5, "not once for each of 200 calls")

				f.ClearFaults()
				f.pass(10 * time.Minute) // it is dead, and the quota's rest is over
				assert.Zero(t, f.verify(t, 10), "and it recovers")
			})
		})
	}
}
