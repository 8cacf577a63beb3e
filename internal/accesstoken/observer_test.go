package accesstoken

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
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

// seen waits for what goes on beside the call, and returns what w remembers.
func (w *witness) seen() (fetches []error, fetched, expires time.Time) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fetches, w.fetched, w.expires
}

func TestObserverIsToldOfFetchesAndTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, shared := newWechat(), NewMemory(time.Now)
		w.latency = 0
		one, other := w.cache(shared), w.cache(shared)
		witnessOne, witnessOther := new(witness), new(witness)
		one.Observe(witnessOne)
		other.Observe(witnessOther)

		refused := errors.New("40164")
		w.set(func() { w.outage = func(context.Context) (Grant, error) { return Grant{}, refused } })
		_, err := one.Token(t.Context())
		require.ErrorIs(t, err, refused)
		fetches, _, expires := witnessOne.seen()
		assert.Equal(t, []error{refused}, fetches)
		assert.Zero(t, expires, "there is no token")

		w.set(func() { w.outage = nil })
		time.Sleep(time.Hour)
		begin := time.Now()
		_, err = one.Token(t.Context())
		require.NoError(t, err)
		fetches, fetched, expires := witnessOne.seen()
		assert.Equal(t, []error{refused, nil}, fetches)
		assert.Equal(t, begin, fetched)
		assert.Equal(t, begin.Add(w.life), expires)

		time.Sleep(time.Minute)
		_, err = other.Token(t.Context())
		require.NoError(t, err)
		fetches, fetched, _ = witnessOther.seen()
		assert.Empty(t, fetches, "it finds the token in the store")
		assert.Equal(t, begin, fetched, "the age is that of the token")
	})
}
