package accesstoken

import (
	"context"
	"time"

	"sotercall/internal/secret"
)

// None is the Source where nobody has a token: the open API service of Cloud
// Hosting adds the credentials on the way to WeChat (ACCESS_TOKEN_MODE=none). Make it with
// [NewNone].
type None struct{ *tokenHealth }

var _ Source = None{}

// NewNone makes a None; now is the clock on the wall.
func NewNone(now func() time.Time) None { return None{&tokenHealth{now: now}} }

// Token implements [Source]: the Token has no Value, and none is to be sent.
func (n None) Token(context.Context) (Token, error) {
	return n.inUse(Token{}, nil)
}

// Replace implements [Source]: there is nothing that could be replaced.
func (None) Replace(context.Context, secret.Text, Why) (Token, error) { return Token{}, ErrStale }
