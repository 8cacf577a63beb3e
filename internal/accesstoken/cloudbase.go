package accesstoken

import (
	"context"
	"errors"
	"os"
	"time"

	"sotercall/internal/secret"
)

// CloudBaseFile is where WeChat cloud hosting mounts the platform's token, for a
// service whose cloud-call token is switched on: renewed every 10 minutes, good
// for 30 (WeChat cloud hosting, "cloudcall").
const CloudBaseFile = "/.tencentcloudbase/wx/cloudbase_access_token"

// CloudBase is the Source of the token that the platform itself gives to what it
// runs. It needs no AppSecret: nothing is fetched.
//
// Make it with [NewCloudBase].
type CloudBase struct {
	ofInvocation func(ctx context.Context) secret.Text
	file         string
	*tokenHealth
}

var _ Source = (*CloudBase)(nil)

// NewCloudBase makes a CloudBase. ofInvocation returns the token that came with the
// invocation of a context, the zero Text if none did; then file, usually CloudBaseFile, is
// read. now is the clock on the wall.
func NewCloudBase(
	ofInvocation func(ctx context.Context) secret.Text, file string, now func() time.Time,
) *CloudBase {
	return &CloudBase{ofInvocation: ofInvocation, file: file, tokenHealth: &tokenHealth{now: now}}
}

var errNoCloudBase = errors.New("the platform gave no cloudbase_access_token: neither with the invocation nor as a file")

// Token implements [Source]. The file is read each time: the platform replaces it
// when it likes.
func (c *CloudBase) Token(ctx context.Context) (Token, error) {
	value := c.ofInvocation(ctx)
	if value.IsZero() {
		text, err := os.ReadFile(c.file)
		if err != nil || len(text) == 0 {
			return Token{}, errNoCloudBase
		}
		value = secret.New(string(text)) // verbatim, as @cloudbase/node-sdk sends it
	}
	return c.inUse(Token{Value: value, CloudBase: true}, nil)
}

// Replace implements [Source]: it looks again, and the platform may have put a new
// token there.
func (c *CloudBase) Replace(ctx context.Context, stale secret.Text, _ Why) (Token, error) {
	token, err := c.Token(ctx)
	if err == nil && token.Value.Equal(stale) {
		return Token{}, ErrStale
	}
	return token, err
}
