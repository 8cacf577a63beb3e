package accesstoken

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// witness is an Observer that remembers what it is told.
type witness struct {
	mu               sync.Mutex
	fetches          []error   // guarded by mu
	fetched, expires time.Time // guarded by mu
}

func (w *witness) Fetched(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetches = append(w.fetches, err)
}

func (w *witness) Holds(fetched, expires time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetched, w.expires = fetched, expires
}

func TestObserverIsToldOfFetchesAndTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, shared := newWechat(), NewMemory(time.Now)
		w.latency = 0
		one, other := w.cache(shared), w.cache(shared)
		seen, otherSeen := new(witness), new(witness)
		one.Observe(seen)
		other.Observe(otherSeen)

		refused := errors.New("40164")
		w.set(func() { w.outage = func(context.Context) (Grant, error) { return Grant{}, refused } })
		_, err := one.Token(t.Context())
		require.ErrorIs(t, err, refused)
		assert.Equal(t, []error{refused}, seen.fetches)
		assert.Zero(t, seen.expires, "there is no token")

		w.set(func() { w.outage = nil })
		time.Sleep(time.Hour)
		begin := time.Now()
		_, err = one.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []error{refused, nil}, seen.fetches)
		assert.Equal(t, begin, seen.fetched)
		assert.Equal(t, begin.Add(w.life), seen.expires)

		time.Sleep(time.Minute)
		_, err = other.Token(t.Context())
		require.NoError(t, err)
		assert.Empty(t, otherSeen.fetches, "it finds the token in the store")
		assert.Equal(t, begin, otherSeen.fetched, "the age is that of the token")
	})
}
