// Package storetest tests the contract of accesstoken.Store. Every Store's own tests run
// it.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
	"sotercall/internal/test/need"
)

// Open makes a new, empty server of Stores. Its result opens the Store of an appid there as
// one more instance of the function does, with connections of its own.
type Open func(t *testing.T) func(appid string) accesstoken.Store

// Run tests the contract of accesstoken.Store.
func Run(t *testing.T, open Open) {
	Examples(t, open)
	t.Run("it behaves as its model", func(t *testing.T) { model(t, open(t)) })
}

// Examples is Run without the thousands of requests of the model, for a slow server.
func Examples(t *testing.T, open Open) {
	for name, test := range map[string]func(t *testing.T, open func() accesstoken.Store){
		"a State is kept as it is":                       kept,
		"a Lease is for one at a time":                   oneAtATime,
		"of many who ask at once, one gets a Lease":      oneOfMany,
		"a Lease comes with the State":                   withState,
		"a fresh token spares a Lease":                   spared,
		"a Lease ends with its life":                     ends,
		"a holder that was frozen overwrites nothing":    frozen,
		"a holder that was frozen saves if nobody has":   frozenAlone,
		"a Lease that was given back is nobody's":        givenBack,
		"of many who save at once, the last Lease stays": savedAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			openApp := open(t)
			test(t, func() accesstoken.Store { return openApp("wx0123456789abcdef") })
		})
	}
	t.Run("appids are apart", func(t *testing.T) { apart(t, open(t)) })
}

// Life is that of a Lease that must not end during a test.
const Life = time.Minute

// Lease gets a Lease, or fails the test.
func Lease(t require.TestingT, store accesstoken.Store) accesstoken.Lease {
	_, lease, err := store.Acquire(ctx(t), Life, false)
	require.NoError(t, err)
	return lease
}

// StateOf returns a State with a token of that name.
func StateOf(name string) accesstoken.State {
	end := time.Now().Round(0).Add(2 * time.Hour)
	return accesstoken.State{Current: accesstoken.Token{Value: secret.New(name), Renew: end.Add(-5 * time.Minute), Expires: end}}
}

// RequireKept asserts the content of a Store.
func RequireKept(t require.TestingT, want accesstoken.State, store accesstoken.Store) {
	got, err := store.Load(ctx(t))
	require.NoError(t, err)
	RequireSame(t, want, got)
}

// RequireSame asserts that two States mean the same, however their times are represented.
func RequireSame(t require.TestingT, want, got accesstoken.State) {
	require.Equal(t, plain(want), plain(got))
}

// plain returns the meaning of a State, without the representation of its times.
func plain(s accesstoken.State) string {
	token := func(t accesstoken.Token) string {
		return fmt.Sprintf("%q %v %v %v %v", t.Value.Reveal(), t.Renew.UTC().Round(0), t.Expires.UTC().Round(0), t.Fetched.UTC().Round(0), t.CloudBase)
	}
	forced := ""
	for _, at := range s.Forced {
		forced += fmt.Sprint(at.UTC().Round(0), " ")
	}
	return fmt.Sprintf("current %s; previous %s; forced %s; spent %v", token(s.Current), token(s.Previous), forced, s.Spent.UTC().Round(0))
}

func kept(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	RequireKept(t, accesstoken.State{}, one)
	now := time.Now()
	state := StateOf("tokenñ</\\\"")
	state.Current.CloudBase, state.Current.Fetched = true, now
	state.Previous = accesstoken.Token{Value: secret.New("previous"), Expires: now.Add(accesstoken.Overlap)}
	state.Forced = []time.Time{now.Add(-time.Hour), now}
	state.Spent = now.Add(time.Minute)
	require.NoError(t, one.Save(t.Context(), Lease(t, one), state))
	RequireKept(t, state, one)
	RequireKept(t, state, other)

	require.NoError(t, other.Save(t.Context(), Lease(t, other), accesstoken.State{}))
	RequireKept(t, accesstoken.State{}, one)
}

func requireLeased(t require.TestingT, store accesstoken.Store, why ...any) {
	_, _, err := store.Acquire(ctx(t), Life, false)
	require.ErrorIs(t, err, accesstoken.ErrLeased, why...)
}

func oneAtATime(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	first := Lease(t, one)
	requireLeased(t, other)
	requireLeased(t, one)

	require.NoError(t, one.Release(t.Context(), first))
	second := Lease(t, other)
	require.Greater(t, second.Number, first.Number)

	require.NoError(t, one.Release(t.Context(), first), "given back before")
	requireLeased(t, one, "another one's lease stays in force")

	require.NoError(t, other.Save(t.Context(), second, StateOf("token")))
	require.Greater(t, Lease(t, one).Number, second.Number, "Save gives the lease back")
}

func oneOfMany(t *testing.T, open func() accesstoken.Store) {
	each := need.OrLong(6, 16)
	var won, refused atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		store := open()
		for range each {
			all.Go(func() {
				switch _, _, err := store.Acquire(t.Context(), Life, false); {
				case err == nil:
					won.Add(1)
				case assert.ErrorIs(t, err, accesstoken.ErrLeased):
					refused.Add(1)
				}
			})
		}
	}
	all.Wait()
	assert.EqualValues(t, 1, won.Load())
	assert.EqualValues(t, 4*each-1, refused.Load())
}

// requireSame asserts that Acquire returns what Load does.
func requireSame(t *testing.T, want, got accesstoken.State) {
	t.Helper()
	require.Equal(t, plain(want), plain(got))
}

func withState(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	state, lease, err := one.Acquire(t.Context(), Life, false)
	require.NoError(t, err)
	requireSame(t, accesstoken.State{}, state)
	token := StateOf("token")
	require.NoError(t, one.Save(t.Context(), lease, token))

	state, lease, err = other.Acquire(t.Context(), Life, false)
	require.NoError(t, err)
	requireSame(t, token, state)
	for _, cold := range []bool{false, true} {
		state, none, err := one.Acquire(t.Context(), Life, cold)
		if cold && errors.Is(err, accesstoken.ErrFresh) {
			err = accesstoken.ErrLeased // either is right
		}
		require.ErrorIs(t, err, accesstoken.ErrLeased)
		require.Zero(t, none)
		requireSame(t, token, state)
	}
	require.NoError(t, other.Release(t.Context(), lease))
}

func spared(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	fresh := StateOf("token")
	require.NoError(t, one.Save(t.Context(), Lease(t, one), fresh))
	for range 2 { // nothing is leased by it
		state, none, err := other.Acquire(t.Context(), Life, true)
		require.ErrorIs(t, err, accesstoken.ErrFresh)
		require.Zero(t, none)
		requireSame(t, fresh, state)
	}
	for name, spoil := range map[string]func(*accesstoken.Token){
		"due":     func(t *accesstoken.Token) { t.Renew = time.Now().Add(-time.Second) },
		"expired": func(t *accesstoken.Token) { t.Expires = time.Now().Add(-time.Second) },
		"none":    func(t *accesstoken.Token) { t.Value = secret.Text{} },
	} {
		stale := StateOf("token")
		spoil(&stale.Current)
		require.NoError(t, one.Save(t.Context(), Lease(t, one), stale))
		state, lease, err := other.Acquire(t.Context(), Life, true)
		require.NoError(t, err, name)
		requireSame(t, stale, state)
		require.NoError(t, other.Release(t.Context(), lease))
	}
}

func ends(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	_, dead, err := one.Acquire(t.Context(), 20*time.Millisecond, false)
	require.NoError(t, err)
	var next accesstoken.Lease
	require.Eventually(t, func() bool {
		_, next, err = other.Acquire(t.Context(), Life, false)
		return err == nil
	}, 5*time.Second, time.Millisecond)
	assert.Greater(t, next.Number, dead.Number)
}

// The holder of a lease was frozen for longer than its life.
func frozen(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	old := Lease(t, one)
	require.NoError(t, other.Release(t.Context(), old), "as if its life had ended")
	newer := StateOf("newer")
	require.NoError(t, other.Save(t.Context(), Lease(t, other), newer))
	third := Lease(t, other)

	require.ErrorIs(t, one.Save(t.Context(), old, StateOf("older")), accesstoken.ErrOutrun)
	RequireKept(t, newer, other)
	requireLeased(t, one, "the third holder's lease stays in force")
	require.NoError(t, other.Save(t.Context(), third, StateOf("newest")), "the twin: the holder may save")
}

func frozenAlone(t *testing.T, open func() accesstoken.Store) {
	one, other := open(), open()
	old := Lease(t, one)
	require.NoError(t, other.Release(t.Context(), old), "as if its life had ended")
	second := Lease(t, other)
	require.NoError(t, one.Save(t.Context(), old, StateOf("first")))
	requireLeased(t, one)
	require.NoError(t, other.Save(t.Context(), second, StateOf("second")))
}

// The reply to the first was lost.
func givenBack(t *testing.T, open func() accesstoken.Store) {
	one := open()
	lease, state := Lease(t, one), StateOf("token")
	for range 2 {
		require.NoError(t, one.Save(t.Context(), lease, state))
		RequireKept(t, state, one)
	}
	for range 2 {
		require.NoError(t, one.Release(t.Context(), lease))
	}
	RequireKept(t, state, one)
	require.Greater(t, Lease(t, one).Number, lease.Number)
}

func savedAtOnce(t *testing.T, open func() accesstoken.Store) {
	const many = 8
	var leases [many]accesstoken.Lease
	one := open()
	for n := range leases {
		leases[n] = Lease(t, one)
		require.NoError(t, one.Release(t.Context(), leases[n]))
	}
	last := StateOf("7")
	var all sync.WaitGroup
	for n, lease := range leases {
		state := StateOf(fmt.Sprint(n))
		if n == many-1 {
			state = last
		}
		store := open()
		all.Go(func() {
			err := store.Save(t.Context(), lease, state)
			assert.True(t, err == nil || n < many-1 && errors.Is(err, accesstoken.ErrOutrun), "%d: %v", n, err)
		})
	}
	all.Wait()
	RequireKept(t, last, one)
}

func apart(t *testing.T, open func(appid string) accesstoken.Store) {
	one, other := open("wxone"), open("wxother")
	state := StateOf("one")
	require.NoError(t, one.Save(t.Context(), Lease(t, one), state))
	held := Lease(t, one)
	RequireKept(t, accesstoken.State{}, other)
	require.NoError(t, other.Save(t.Context(), Lease(t, other), StateOf("other")))
	RequireKept(t, state, one)
	require.NoError(t, one.Release(t.Context(), held))
}

// model: after any sequence of steps, a Store equals Memory.
func model(t *testing.T, open func(appid string) accesstoken.Store) {
	appids := 0
	rapid.Check(t, func(t *rapid.T) {
		appids++
		memory, store := accesstoken.NewMemory(time.Now), open(fmt.Sprint("wx", appids))
		ctx := t.Context()
		var given [][2]accesstoken.Lease // the same lease in memory and in store
		pick := func() [2]accesstoken.Lease {
			if len(given) == 0 {
				t.Skip("no lease yet")
			}
			return rapid.SampledFrom(given).Draw(t, "lease")
		}
		t.Repeat(map[string]func(*rapid.T){
			"Lease": func(t *rapid.T) {
				_, a, errA := memory.Acquire(ctx, Life, false)
				_, b, errB := store.Acquire(ctx, Life, false)
				require.Equal(t, errA, errB)
				if errA == nil {
					if len(given) > 0 {
						last := given[len(given)-1]
						require.Greater(t, a.Number, last[0].Number)
						require.Greater(t, b.Number, last[1].Number)
					}
					given = append(given, [2]accesstoken.Lease{a, b})
				}
			},
			"Save": func(t *rapid.T) {
				lease, state := pick(), draw(t)
				require.Equal(t, memory.Save(ctx, lease[0], state), store.Save(ctx, lease[1], state))
			},
			"Release": func(t *rapid.T) {
				lease := pick()
				require.NoError(t, memory.Release(ctx, lease[0]))
				require.NoError(t, store.Release(ctx, lease[1]))
			},
			"": func(t *rapid.T) {
				want, err := memory.Load(ctx)
				require.NoError(t, err)
				RequireKept(t, want, store)
			},
		})
	})
}

// draw draws a State, with times around now.
func draw(t *rapid.T) accesstoken.State {
	now := time.Now().Round(0)
	at := func(label string) time.Time {
		return now.Add(time.Duration(rapid.Int64Range(-int64(30*time.Hour), int64(30*time.Hour)).Draw(t, label)))
	}
	token := func(label string) accesstoken.Token {
		return accesstoken.Token{
			Value: secret.New(rapid.SampledFrom([]string{"", "a", "b", "令牌"}).Draw(t, label)),
			Renew: at("renew"), Expires: at("expires"), CloudBase: rapid.Bool().Draw(t, "cloudbase"),
		}
	}
	s := accesstoken.State{Current: token("current"), Previous: token("previous"), Spent: at("spent")}
	for range rapid.IntRange(0, 4).Draw(t, "forced") {
		s.Forced = append(s.Forced, at("forced at"))
	}
	return s
}

// ctx returns the context of a test; a property has one as well.
func ctx(t require.TestingT) context.Context {
	return t.(interface{ Context() context.Context }).Context()
}
