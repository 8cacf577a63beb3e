package accesstoken

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
	"sotercall/internal/store/redis/redistest"
)

// clock is the time of day of all machines of a fleet. It can be put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time            { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration)   { c.ahead.Add(int64(d)) }
func (c *clock) forwardTo(until time.Time) { c.forward(until.Sub(c.now())) }

const instances = 8

// eachFleet runs test with as many Caches as there are instances of a function,
// on every kind of Store.
func eachFleet(t *testing.T, test func(t *testing.T, w *wechat, clock *clock, fleet []*Cache)) {
	t.Helper()
	eachStore(t, func(t *testing.T, open func() Store) {
		clock, w := new(clock), newWechat()
		w.now = clock.now
		test(t, w, clock, fleet(w, open))
	})
}

func fleet(w *wechat, open func() Store) []*Cache {
	var all []*Cache
	for range instances {
		all = append(all, w.cache(open()))
	}
	return all
}

func TestFleetFetchesOnce(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, w *wechat, clock *clock, fleet []*Cache) {
		assert.Zero(t, w.calls(t, 50, fleet...))
		w.requireFetches(t, 1, 0)

		token, err := fleet[0].Token(t.Context())
		require.NoError(t, err)
		clock.forwardTo(token.Renew)
		w.set(func() { w.ends = clock.now() }) // WeChat goes on to the next token
		assert.Zero(t, w.calls(t, 50, fleet...))
		w.requireFetches(t, 1, 0)
		for _, c := range fleet {
			for _, name := range []string{tokenName(1), tokenName(2)} {
				held, err := owns(t.Context(), c, name)
				require.NoError(t, err)
				assert.True(t, held, "the overlap is known to all")
			}
		}
		w.requireFetches(t, 0, 0)
	})
}

// Within the margin WeChat may give the same token once more, with its last
// minutes: one instance asks, the others need not.
func TestFleetAsksOnceForTheLastMinutesOfAToken(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, w *wechat, clock *clock, fleet []*Cache) {
		assert.Zero(t, w.calls(t, 1, fleet...))
		w.requireFetches(t, 1, 0)
		token, err := fleet[0].Token(t.Context())
		require.NoError(t, err)
		clock.forwardTo(token.Renew)
		assert.Zero(t, w.calls(t, 10, fleet...))
		w.requireFetches(t, 1, 0)
	})
}

func TestFleetInTheSameTokenTrapMakesOneNormalAndOneForcedFetch(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, w *wechat, clock *clock, fleet []*Cache) {
		assert.Zero(t, w.calls(t, 1, fleet...))
		w.requireFetches(t, 1, 0)
		clock.forward(time.Minute)
		w.revoke()
		assert.Zero(t, w.calls(t, 50, fleet...))
		w.requireFetches(t, 1, 1)
	})
}

func TestClassicFleetDoesNotPushEachOtherOut(t *testing.T) {
	t.Parallel()
	eachFleet(t, func(t *testing.T, w *wechat, clock *clock, fleet []*Cache) {
		w.classic = true
		for _, c := range fleet {
			c.memory.classic, c.config.Classic = true, true
		}
		assert.Zero(t, w.calls(t, 50, fleet...))
		w.requireFetches(t, 1, 0)
		clock.forward(time.Minute)
		w.revoke()
		assert.Zero(t, w.calls(t, 50, fleet...))
		w.requireFetches(t, 1, 0)
	})
}

// An instance is frozen during its fetch, loses its lease, and thaws when another
// has fetched.
func TestFrozenInstanceTakesTheNewerToken(t *testing.T) {
	server := redistest.Start(t)
	clock, w := new(clock), newWechat()
	w.now, w.classic = clock.now, true
	frozenStore := openRedis(t, server)
	frozen, other := w.cache(frozenStore), w.cache(openRedis(t, server))

	fetching, thaw := make(chan struct{}), make(chan struct{})
	frozen.config.Endpoint = endpoint(func(ctx context.Context) (Grant, error) {
		grant, err := w.Fetch(ctx, FetchRequest{})
		close(fetching)
		<-thaw
		return grant, err
	})
	var first sync.WaitGroup
	first.Go(func() {
		token, err := frozen.Token(t.Context())
		assert.NoError(t, err)
		assert.True(t, token.Value.Matches(tokenName(2)))
	})
	<-fetching
	server.Do("DEL", "sotercall:token:{wx0123456789abcdef}:lease") // its life has ended
	clock.forward(fetchTimeout)
	require.NoError(t, w.call(t.Context(), other))
	close(thaw)
	first.Wait()

	w.requireFetches(t, 2, 0)
	stored, err := frozenStore.Load(t.Context())
	require.NoError(t, err)
	assert.True(t, stored.Current.Value.Matches(tokenName(2)), "an older token never overwrites a newer one")
	assert.Zero(t, w.calls(t, 10, frozen, other))
	w.requireFetches(t, 0, 0)
}

type endpoint func(ctx context.Context) (Grant, error)

func (e endpoint) Fetch(ctx context.Context, _ FetchRequest) (Grant, error) { return e(ctx) }

func TestWithoutRedisEachInstanceGoesOnWithItsMemory(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	clock, w := new(clock), newWechat()
	w.now = clock.now
	all := fleet(w, func() Store { return openRedis(t, server) })
	server.Kill()

	for range 3 {
		assert.Zero(t, w.calls(t, 100, all...))
	}
	w.requireFetches(t, instances, 0)
	clock.forward(time.Minute)
	w.revoke()
	for range 3 {
		assert.Zero(t, w.calls(t, 100, all...))
	}
	normal, forced := w.fetches()
	assert.LessOrEqual(t, normal, instances)
	assert.GreaterOrEqual(t, forced, 1)
	assert.LessOrEqual(t, forced, instances)

	server.Run()
	token, err := all[0].Token(t.Context())
	require.NoError(t, err)
	assert.Zero(t, w.calls(t, 100, all...))
	w.requireFetches(t, 0, 0)

	clock.forwardTo(token.Expires)
	assert.Zero(t, w.calls(t, 100, all...))
	w.requireFetches(t, 1, 0)
	stored, err := openRedis(t, server).Load(t.Context())
	require.NoError(t, err)
	assert.True(t, w.accepts(stored.Current), "back, it is shared again")
}

func TestRedisThatIsBackLearnsWhatHappenedMeanwhile(t *testing.T) {
	server := redistest.Start(t)
	clock, w := new(clock), newWechat()
	w.now = clock.now
	store := openRedis(t, server)
	c := w.cache(store)
	require.NoError(t, w.call(t.Context(), c))
	server.Kill()
	clock.forward(time.Minute)
	w.revoke()
	require.NoError(t, w.call(t.Context(), c))
	w.requireFetches(t, 2, 1)
	server.Run()

	token, err := c.Token(t.Context())
	require.NoError(t, err)
	clock.forwardTo(token.Renew)
	w.set(func() { w.ends = clock.now() })
	require.NoError(t, w.call(t.Context(), c))
	stored, err := store.Load(t.Context())
	require.NoError(t, err)
	assert.Len(t, stored.Forced, 1, "the budget")
	assert.True(t, stored.Previous.Value.Equal(token.Value), "the overlap")
}

// Redis is killed, and starts again empty, while a fleet is at work whose tokens
// are refused time and again.
func TestRedisThatIsKilledAndRestartedFailsNoCall(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	clock, w := new(clock), newWechat()
	w.now, w.latency = clock.now, time.Millisecond
	all := fleet(w, func() Store { return openRedis(t, server) })

	const rounds = 12
	var failed int
	for round := range rounds {
		var outage sync.WaitGroup
		switch {
		case round%4 == 1:
			outage.Go(server.Kill)
		case round%4 == 3:
			outage.Go(server.Run)
		}
		clock.forward(time.Minute)
		if round%2 == 1 {
			w.revoke()
		}
		failed += w.calls(t, 40, all...)
		outage.Wait()
	}
	assert.Zero(t, failed)
	normal, forced := w.fetches()
	assert.LessOrEqual(t, normal, rounds*instances, "no fetch per call, of which there were %d", rounds*instances*40)
	assert.LessOrEqual(t, forced, rounds/2*instances)

	clock.forward(2 * time.Hour)
	assert.Zero(t, w.calls(t, 40, all...))
	stored, err := openRedis(t, server).Load(t.Context())
	require.NoError(t, err)
	assert.True(t, w.accepts(stored.Current))
}

// The instance that has the lease is gone: the others wait for no longer than the
// lease lives, and with a good token they hardly wait at all.
func TestLeaseOfALostInstance(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWechat()
		store := NewMemory(time.Now)
		lost := func() {
			_, _, err := store.Acquire(t.Context(), fetchTimeout, false)
			require.NoError(t, err)
		}
		c := w.cache(store)
		lost()
		began := time.Now()
		require.NoError(t, w.call(t.Context(), c))
		assert.LessOrEqual(t, time.Since(began), fetchTimeout+retryHung+w.latency)
		w.requireFetches(t, 1, 0)

		token, err := c.Token(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Until(token.Renew))
		lost()
		began = time.Now()
		require.NoError(t, w.call(t.Context(), c))
		assert.Equal(t, patience, time.Since(began))
	})
	bubble(t, func(t *testing.T) {
		w := newWechat()
		store := NewMemory(time.Now)
		_, _, err := store.Acquire(t.Context(), time.Hour, false)
		require.NoError(t, err)
		_, err = w.cache(store).Replace(t.Context(), secret.New("stale"), Refused)
		require.ErrorIs(t, err, ErrLeased, "whoever has no right to fetch does not")
		w.requireFetches(t, 0, 0)
	})
}
