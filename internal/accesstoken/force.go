package accesstoken

import (
	"context"
	"errors"
)

// Force replaces the current token on request, as force_refresh asks, within the
// budget of forced refreshes. Where the budget is used up, or the last one was a
// moment ago, nothing is refreshed and the current token is the answer, as at
// WeChat (getStableAccessToken).
func (c *Cache) Force(ctx context.Context) (Token, error) {
	current, err := c.Token(ctx)
	if err != nil {
		return Token{}, err
	}
	c.mu.Lock()
	may := c.state.mayForce(c.clock())
	c.mu.Unlock()
	if !may {
		return current, nil
	}
	token, err := c.Refresh(ctx, current.Value)
	if errors.Is(err, ErrStale) {
		return current, nil
	}
	return token, err
}
