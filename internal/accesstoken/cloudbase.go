package accesstoken

import (
	"context"
	"errors"
	"os"

	"sotercall/internal/secret"
)

// CloudBaseFile is where WeChat cloud hosting mounts the platform's token, for a
// service whose cloud-call token is switched on: renewed every 10 minutes, good
// for 30 (WeChat cloud hosting, "cloudcall").
const CloudBaseFile = "/.tencentcloudbase/wx/cloudbase_access_token"

// CloudBase is the Source of the token that the platform itself gives to what it
// runs. It needs no AppSecret: nothing is fetched.
type CloudBase struct {
	// OfInvocation returns the token that came with the invocation of a context; the zero
	// Text if none did.
	OfInvocation func(ctx context.Context) secret.Text
	// File is read when the invocation brought none; usually CloudBaseFile.
	File string
}

var _ Source = (*CloudBase)(nil)

var errNoCloudBase = errors.New("the platform gave no cloudbase_access_token: neither with the invocation nor as a file")

// Token implements [Source]. The file is read each time: the platform replaces it
// when it likes.
func (c *CloudBase) Token(ctx context.Context) (Token, error) {
	if value := c.OfInvocation(ctx); !value.IsZero() {
		return Token{Value: value, CloudBase: true}, nil
	}
	text, err := os.ReadFile(c.File)
	if err != nil || len(text) == 0 {
		return Token{}, errNoCloudBase
	}
	// Verbatim, as @cloudbase/node-sdk sends it.
	return Token{Value: secret.New(string(text)), CloudBase: true}, nil
}

// Refresh implements [Source]: it looks again, and the platform may have put a new
// token there.
func (c *CloudBase) Refresh(ctx context.Context, stale secret.Text) (Token, error) {
	token, err := c.Token(ctx)
	if err == nil && token.Value.Equal(stale) {
		return Token{}, ErrStale
	}
	return token, err
}

// Renew implements [Source], as Refresh does.
func (c *CloudBase) Renew(ctx context.Context, refused secret.Text, _ Doubt) (Token, error) {
	return c.Refresh(ctx, refused)
}
