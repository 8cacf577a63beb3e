package accesstoken

import (
	"context"
	"time"

	"sotercall/internal/secret"
)

// None is the Source without tokens: the open API service of Cloud Hosting adds the
// credentials to requests to WeChat (ACCESS_TOKEN_MODE=none). Make it with [NewNone].
type None struct{ *tokenHealth }

var _ Source = None{}

// NewNone returns a None; now is the wall clock.
func NewNone(now func() time.Time) None { return None{&tokenHealth{now: now}} }

// Token implements [Source]: the Token has no Value, and the request is sent without one.
func (n None) Token(context.Context) (Token, error) {
	return n.inUse(Token{}, nil)
}

// Replace implements [Source]: there is nothing to replace.
func (None) Replace(context.Context, secret.Text, Why) (Token, error) { return Token{}, ErrStale }
