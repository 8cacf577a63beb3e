package accesstoken

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

// refusing makes c ask w whether it refuses a token, and counts how often.
func refusing(w *wechat, c *Cache) (asked *int) {
	asked = new(int)
	c.config.Refuses = func(_ context.Context, token secret.Text) (bool, error) {
		*asked++
		return !w.accepts(Token{Value: token}), nil
	}
	return asked
}

// claim is what a client does that says WeChat has refused the token that it has, and
// that gets tokens from nowhere else.
func claim(t *testing.T, c *Cache) Token {
	t.Helper()
	current, err := c.Token(t.Context())
	require.NoError(t, err)
	next, err := c.Claim(t.Context(), current.Value, Refused)
	require.NoError(t, err)
	return next
}

// A client claims all day long that the current token is refused, and forces refreshes
// beside. It gets no more than by force alone: the rest is kept for a token that is
// refused in truth, whoever claims it.
func TestClaimsOfAClientHaveOneBudget(t *testing.T) {
	for _, classic := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			w, c, _ := warm(t, func(w *wechat) { w.classic, w.life = classic, 30*time.Hour })
			asked := refusing(w, c)
			claim(t, c)
			made := w.made
			for i := range 100 {
				claim(t, c)
				if i%10 == 0 {
					_, err := c.Replace(t.Context(), secret.Text{}, OnRequest)
					require.NoError(t, err)
				}
			}
			assert.LessOrEqual(t, w.made, made+4, "30 seconds apart")
			assert.LessOrEqual(t, *asked, 102, "WeChat is asked once a second")

			for range 100 {
				time.Sleep(forcedSpacing)
				claim(t, c)
				_, err := c.Replace(t.Context(), secret.Text{}, OnRequest)
				require.NoError(t, err)
			}
			assert.Equal(t, 1+forcedOnRequest, w.made, "classic %t: a day", classic)

			for i := range forcedPerDay - forcedOnRequest {
				time.Sleep(forcedSpacing)
				claim(t, c) // and goes on
				w.revoke()
				require.True(t, w.accepts(claim(t, c)), "classic %t: a real one, %d", classic, i)
			}
		})
	}
}

// Where WeChat cannot be asked, a claim is one that nobody confirms.
func TestClaimThatCannotBeConfirmed(t *testing.T) {
	for name, refuses := range map[string]func(context.Context, secret.Text) (bool, error){
		"no answer": func(context.Context, secret.Text) (bool, error) { return false, errors.New("connection refused") },
		"nobody":    nil,
	} {
		bubble(t, func(t *testing.T) {
			w, c, _ := warm(t, func(w *wechat) { w.life = 30 * time.Hour })
			c.config.Refuses = refuses
			w.revoke()
			assert.True(t, w.accepts(claim(t, c)), "%s: it has the budget of a client", name)
			w.revoke()
			assert.False(t, w.accepts(claim(t, c)), "%s: 30 seconds apart", name)
		})
	}
}

// Tokens that are refused in truth, one after the other, cost a fetch each and are
// confirmed each.
func TestClaimsInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, c, _ := warm(t, func(w *wechat) { w.classic = true })
		asked := refusing(w, c)
		began := time.Now()
		for range 44 {
			w.revoke()
			require.True(t, w.accepts(claim(t, c)))
		}
		w.requireFetches(t, 44, 0)
		assert.Equal(t, 44, *asked)
		assert.Less(t, time.Since(began), 2*time.Second, "nobody waits")
	})
}
