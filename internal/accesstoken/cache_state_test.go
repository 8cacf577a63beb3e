package accesstoken

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/secret"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// drawTime draws a time around noon; two are often the same.
func drawTime(t *rapid.T, name string, around time.Duration) time.Time {
	seconds := rapid.Int64Range(-int64(around/time.Second), int64(around/time.Second))
	return noon.Add(time.Duration(seconds.Draw(t, name)) * time.Second)
}

func drawToken(t *rapid.T, name string) Token {
	value := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, name)
	if value == "" {
		return Token{}
	}
	expires := drawTime(t, name+" expires", 2*time.Hour)
	margin := rapid.IntRange(0, 300).Draw(t, name+" margin")
	return Token{Value: secret.New(value), Expires: expires, Renew: expires.Add(-time.Duration(margin) * time.Second)}
}

func drawState(t *rapid.T) State {
	s := State{Current: drawToken(t, "current"), Previous: drawToken(t, "previous")}
	for range rapid.IntRange(0, forcedPerDay+2).Draw(t, "forced") {
		s.Forced = append(s.Forced, drawTime(t, "at", 30*time.Hour))
	}
	s.Spent = drawTime(t, "spent", 3*time.Hour)
	return s
}

// Whoever forces only when the budget allows it stays within WeChat's limits, even
// if its States pass through the hands of others that know less.
func TestBudgetOfForcedRefreshes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var state State
		var spent []time.Time
		now := noon
		for range rapid.IntRange(1, 120).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "store lost its data") {
				state = State{}.with(state, now)
			}
			if !state.mayForce(now, forcedPerDay) {
				continue
			}
			before := slices.Clone(state.Forced)
			next := state.forced(now)
			require.Equal(t, before, state.Forced, "the old state does not change")
			state = next
			spent = append(spent, now)
		}
		for i, at := range spent {
			if i > 0 {
				require.GreaterOrEqual(t, at.Sub(spent[i-1]), forcedSpacing)
			}
			if i >= forcedPerDay {
				require.GreaterOrEqual(t, at.Sub(spent[i-forcedPerDay]), 24*time.Hour)
			}
		}
		require.LessOrEqual(t, len(state.Forced), forcedPerDay)
	})
}

func TestBudgetIsGivenBackAfterADay(t *testing.T) {
	var state State
	for i := range forcedPerDay {
		at := noon.Add(time.Duration(i) * forcedSpacing)
		require.True(t, state.mayForce(at, forcedPerDay), i)
		state = state.forced(at)
		require.False(t, state.mayForce(at.Add(forcedSpacing-1), forcedPerDay), i)
	}
	assert.False(t, state.mayForce(noon.Add(24*time.Hour-1), forcedPerDay))
	assert.True(t, state.mayForce(noon.Add(24*time.Hour), forcedPerDay))
}

func TestClockThatWasWrongDoesNotBlockTheBudget(t *testing.T) {
	future := State{Forced: []time.Time{noon.AddDate(100, 0, 0)}}
	assert.True(t, future.mayForce(noon, forcedPerDay))
	assert.Equal(t, []time.Time{noon}, future.forced(noon).Forced, "it takes no place either")
	skewed := State{Forced: []time.Time{noon.Add(forcedSpacing - 1)}}
	assert.False(t, skewed.mayForce(noon, forcedPerDay), "the twin: clocks differ by seconds")
}

func TestNextState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, token, now := drawState(t), drawToken(t, "token"), drawTime(t, "now", 2*time.Hour)
		if token.Value.IsZero() {
			t.Skip()
		}
		n := s.next(token, now)
		require.Equal(t, token, n.Current)
		require.Equal(t, s.Forced, n.Forced)
		if s.Current.Value.IsZero() || s.Current.Value.Equal(token.Value) {
			require.Equal(t, s.Previous, n.Previous)
			return
		}
		require.True(t, n.Previous.Value.Equal(s.Current.Value))
		require.False(t, n.Previous.Expires.After(now.Add(Overlap)))
		require.False(t, n.Previous.Expires.After(s.Current.Expires))
		require.Equal(t, s.Current.alive(now), n.Previous.alive(now), "the overlap has begun, and revives nothing")
	})
}

func TestRefusedTokenHasNoOverlap(t *testing.T) {
	s := State{Current: stateOf("refused").Current}
	next := s.without(secret.New("refused")).next(stateOf("new").Current, noon)
	assert.True(t, next.Previous.Value.IsZero())
	next = s.without(secret.New("another")).next(stateOf("new").Current, noon)
	assert.True(t, next.Previous.Value.Matches("refused"), "the twin")
}

func TestSupersedes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, known, now := drawState(t), drawState(t), drawTime(t, "now", 2*time.Hour)
		stale := rapid.SampledFrom([]secret.Text{{}, secret.New("a"), known.Current.Value}).Draw(t, "stale")
		if !s.supersedes(known, stale, now) {
			return
		}
		require.True(t, s.Current.alive(now))
		require.True(t, now.Before(s.Current.Renew), "it need not be renewed at once")
		require.False(t, s.Current.Value.Equal(stale))
		adopted := s.with(known, now)
		require.Equal(t, s.Current, adopted.Current)
		require.False(t, s.supersedes(adopted, stale, now) && s.Current.Value.Equal(adopted.Current.Value),
			"what has been adopted is nothing new any more")
	})
}

func TestSupersedesTable(t *testing.T) {
	token := func(value string, renew, expires time.Duration) State {
		return State{Current: Token{Value: secret.New(value), Renew: noon.Add(renew), Expires: noon.Add(expires)}}
	}
	known := token("x", -time.Second, time.Minute)
	for _, c := range []struct {
		name  string
		store State
		stale string
		want  bool
	}{
		{"a newer token", token("y", time.Hour, 2*time.Hour), "", true},
		{"a newer token, for a refused one", token("y", time.Hour, 2*time.Hour), "x", true},
		{"nothing", State{}, "", false},
		{"the refused token", token("y", time.Hour, 2*time.Hour), "y", false},
		{"a token within its margin", token("y", -time.Second, 2*time.Hour), "", false},
		{"a dead token", token("y", -2*time.Second, -time.Second), "", false},
		{"an older token", token("y", time.Second, 30*time.Second), "", false},
		{"what is known already", known, "", false},
		{"what is known, asked for again since", token("x", time.Second, time.Minute), "", true},
		{"what is known, asked for again since, but refused", token("x", time.Second, time.Minute), "x", false},
	} {
		assert.Equal(t, c.want, c.store.supersedes(known, secret.New(c.stale), noon), c.name)
	}
}

func TestStatesTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, known, now := drawState(t), drawState(t), drawTime(t, "now", 2*time.Hour)
		both := s.with(known, now)
		require.False(t, both.Current.Expires.Before(s.Current.Expires) && both.Current.Expires.Before(known.Current.Expires))
		require.Contains(t, []Token{s.Current, known.Current}, both.Current)
		require.Equal(t, both.Forced, known.with(s, now).Forced)
		requireSame(t, both, both.with(both, now))
		require.True(t, slices.IsSortedFunc(both.Forced, time.Time.Compare))
		if _, may := both.refetch(now, false); may && both.Spent.Sub(now) <= refreshBurst*refreshPrice {
			_, one := s.refetch(now, false)
			_, other := known.refetch(now, false)
			require.True(t, one && other, "what either has spent is spent")
		}
		if !s.mayForce(now, forcedPerDay) || !known.mayForce(now, forcedPerDay) {
			require.False(t, both.mayForce(now, forcedPerDay), "what either has spent is spent")
		}
	})
}

func TestBudgetInClassicMode(t *testing.T) {
	var s State
	may := true
	for range refreshBurst {
		s, may = s.refetch(noon, false)
		require.True(t, may)
	}
	_, may = s.refetch(noon.Add(refreshPrice-1), false)
	assert.False(t, may)
	s, may = s.refetch(noon.Add(refreshPrice), false)
	assert.True(t, may)
	_, may = s.refetch(noon.Add(refreshPrice-time.Minute), false)
	assert.False(t, may, "clocks differ")
	_, may = s.refetch(noon.AddDate(-1, 0, 0), false)
	assert.True(t, may, "a clock that was wrong does not block it")

	// What a client asks for counts as forced as well.
	s = State{}
	for i := range forcedOnRequest {
		s, may = s.refetch(noon.Add(time.Duration(i)*forcedSpacing), true)
		require.True(t, may)
	}
	later := noon.Add(time.Hour)
	_, may = s.refetch(later, true)
	assert.False(t, may)
	_, may = s.refetch(later, false)
	assert.True(t, may, "the rest is for tokens that are refused")
}
