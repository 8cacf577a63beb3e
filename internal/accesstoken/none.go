package accesstoken

import (
	"context"

	"sotercall/internal/secret"
)

// None is the Source where nobody has a token: the open API service of Cloud
// Hosting adds the credentials on the way to WeChat (ACCESS_TOKEN_MODE=none).
type None struct{}

var _ Source = None{}

// Token implements [Source]: the Token has no Value, and none is to be sent.
func (None) Token(context.Context) (Token, error) { return Token{}, nil }

// Refresh implements [Source]: there is nothing that could be replaced.
func (None) Refresh(context.Context, secret.Text) (Token, error) { return Token{}, ErrStale }

// Renew implements [Source].
func (None) Renew(context.Context, secret.Text, Doubt) (Token, error) { return Token{}, ErrStale }
