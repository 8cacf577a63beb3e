package accesstoken_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

const shop, game = "wxshop", "wxgame"

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// endpoint gives the tokens of one app, and counts.
type endpoint struct {
	mu    sync.Mutex
	app   string
	err   error
	wait  chan struct{} // closed when it answers; nil: at once
	asked int
}

func (e *endpoint) Fetch(ctx context.Context, _ accesstoken.FetchRequest) (accesstoken.Grant, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if e.wait != nil {
		select {
		case <-e.wait:
		case <-ctx.Done():
			return accesstoken.Grant{}, ctx.Err()
		}
	}
	return accesstoken.Grant{Value: secret.New("TOKEN-OF-" + e.app), ExpiresIn: 2 * time.Hour}, e.err
}

func (e *endpoint) times() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func newCacheOf(e *endpoint, classic bool, store accesstoken.Store) *accesstoken.Cache {
	return accesstoken.NewCache(accesstoken.Config{
		Endpoint: e, Store: store, Classic: classic, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func TestHolderIsTheAppOfTheToken(t *testing.T) {
	shops, games := &endpoint{app: shop}, &endpoint{app: game}
	all := accesstoken.Apps{shop: newCacheOf(shops, false, accesstoken.NewMemory(time.Now)), game: newCacheOf(games, false, accesstoken.NewMemory(time.Now))}
	holder := func(token string) string {
		t.Helper()
		appID, err := all.Owner(t.Context(), token)
		require.NoError(t, err)
		return appID
	}
	assert.Equal(t, shop, holder("TOKEN-OF-wxshop"), "no token was here yet, and it was looked for")
	assert.Equal(t, game, holder("TOKEN-OF-wxgame"))
	for range 50 {
		assert.Empty(t, holder("TOKEN-OF-NOBODY"))
		assert.Empty(t, holder(""))
	}
	assert.Equal(t, []int{1, 1}, []int{shops.times(), games.times()}, "a stranger causes no more")
}

func TestHolderWhereAnAppIsInTrouble(t *testing.T) {
	refusal := &accesstoken.Refusal{ErrCode: 40125, ErrMsg: "invalid appsecret"}
	broken := errors.New("connection refused")
	for _, c := range []struct {
		name                string
		shops, games        error
		ofShop, ofNobodyErr error
	}{
		{"all is well", nil, nil, nil, nil},
		{"the other is refused its tokens", nil, refusal, nil, nil},
		{"the other cannot be asked", nil, broken, nil, broken},
		{"both are refused their tokens", refusal, refusal, refusal, refusal},
		{"its own cannot be asked", broken, nil, broken, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := accesstoken.Apps{
				shop: newCacheOf(&endpoint{app: shop, err: c.shops}, false, accesstoken.NewMemory(time.Now)),
				game: newCacheOf(&endpoint{app: game, err: c.games}, false, accesstoken.NewMemory(time.Now)),
			}
			appID, err := all.Owner(t.Context(), "TOKEN-OF-wxshop")
			require.ErrorIs(t, err, c.ofShop)
			assert.Equal(t, c.ofShop == nil, appID == shop)
			appID, err = all.Owner(t.Context(), "TOKEN-OF-NOBODY")
			require.ErrorIs(t, err, c.ofNobodyErr)
			assert.Empty(t, appID)
		})
	}
}

// An app that hangs delays nobody whose token is known.
func TestHolderDoesNotWaitForAnAppThatHangs(t *testing.T) {
	t.Parallel()
	hanging := &endpoint{app: game, wait: make(chan struct{})}
	t.Cleanup(func() { close(hanging.wait) })
	all := accesstoken.Apps{shop: newCacheOf(&endpoint{app: shop}, false, accesstoken.NewMemory(time.Now)), game: newCacheOf(hanging, false, accesstoken.NewMemory(time.Now))}
	appID, err := all.Owner(t.Context(), "TOKEN-OF-wxshop")
	require.NoError(t, err)
	assert.Equal(t, shop, appID)
	_, err = all.Owner(t.Context(), "TOKEN-OF-NOBODY")
	require.Error(t, err, "it may be the other's")
	assert.Equal(t, openapi.CodeTimeout, openapi.AsError(err).Code)
}

// A stranger's token is no reason to retire one.
func TestHolderFetchesNothingInClassicMode(t *testing.T) {
	shops, games := &endpoint{app: shop}, &endpoint{app: game}
	store := accesstoken.NewMemory(time.Now)
	all := accesstoken.Apps{shop: newCacheOf(shops, true, accesstoken.NewMemory(time.Now)), game: newCacheOf(games, true, store)}
	appID, err := all.Owner(t.Context(), "TOKEN-OF-wxgame")
	require.NoError(t, err)
	assert.Empty(t, appID)

	_, err = newCacheOf(games, true, store).Token(t.Context()) // another instance
	require.NoError(t, err)
	appID, err = all.Owner(t.Context(), "TOKEN-OF-wxgame")
	require.NoError(t, err)
	assert.Equal(t, game, appID, "it is in the store")
	assert.Equal(t, []int{0, 1}, []int{shops.times(), games.times()})
}

func TestStatusOfACache(t *testing.T) {
	clock := now
	e := &endpoint{app: shop}
	store := accesstoken.NewMemory(func() time.Time { return clock })
	newInstance := func() *accesstoken.Cache {
		return accesstoken.NewCache(accesstoken.Config{Endpoint: e, Store: store, Now: func() time.Time { return clock }, Log: slog.New(slog.DiscardHandler)})
	}
	cache, other := newInstance(), newInstance()
	assert.Equal(t, accesstoken.Status{ForcedLeft: 20}, cache.Status(t.Context()), "nothing yet, and nothing is fetched")
	assert.Zero(t, e.times())

	_, err := cache.Token(t.Context())
	require.NoError(t, err)
	want := accesstoken.Status{Fetched: now, Expires: now.Add(2 * time.Hour), ForcedLeft: 20}
	assert.Equal(t, want, cache.Status(t.Context()))
	assert.Equal(t, want, other.Status(t.Context()), "all instances say the same")

	// The endpoint gives the refused token again: one forced refresh is spent.
	_, err = cache.Replace(t.Context(), secret.New("TOKEN-OF-wxshop"), accesstoken.Refused)
	require.ErrorIs(t, err, accesstoken.ErrStale)
	assert.Equal(t, 19, other.Status(t.Context()).ForcedLeft)

	clock = now.Add(3 * time.Hour)
	e.err = &accesstoken.Refusal{ErrCode: 50007, ErrMsg: "frozen"}
	_, err = cache.Token(t.Context())
	require.Error(t, err)
	got := cache.Status(t.Context())
	assert.Zero(t, got.Expires, "it has expired")
	assert.Equal(t, e.err, got.Failure)
	assert.Equal(t, clock, got.FailedAt)

	clock = clock.Add(2 * time.Minute)
	failedAt := got.FailedAt
	e.err = nil
	_, err = cache.Token(t.Context())
	require.NoError(t, err)
	got = cache.Status(t.Context())
	assert.Equal(t, failedAt, got.FailedAt, "it is still told")
	assert.Equal(t, clock, got.Fetched)
}
