package accesstoken

import (
	"context"
	"errors"
	"os"
	"time"

	"sotercall/internal/secret"
)

// CloudBaseFile is where WeChat cloud hosting mounts the platform's token for a service
// with cloud calls switched on. The platform renews it every 10 minutes; it is valid for 30
// (WeChat cloud hosting, "cloudcall").
const CloudBaseFile = "/.tencentcloudbase/wx/cloudbase_access_token"

// CloudBase is the Source of the token that the platform itself provides. It needs no
// AppSecret and fetches nothing.
//
// Make it with [NewCloudBase].
type CloudBase struct {
	ofInvocation func(ctx context.Context) secret.Text
	file         string
	*tokenHealth
}

var _ Source = (*CloudBase)(nil)

// NewCloudBase returns a CloudBase. ofInvocation returns the token of a context's
// invocation, or the zero Text; then file is read, usually CloudBaseFile. now is the wall
// clock.
func NewCloudBase(
	ofInvocation func(ctx context.Context) secret.Text, file string, now func() time.Time,
) *CloudBase {
	return &CloudBase{ofInvocation: ofInvocation, file: file, tokenHealth: &tokenHealth{now: now}}
}

var errNoCloudBase = errors.New("the platform gave no cloudbase_access_token: neither with the invocation nor as a file")

// Token implements [Source]. It reads the file each time, because the platform may replace
// it at any time.
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

// Replace implements [Source]: it reads again, because the platform may have provided a new
// token.
func (c *CloudBase) Replace(ctx context.Context, stale secret.Text, _ Why) (Token, error) {
	token, err := c.Token(ctx)
	if err == nil && token.Value.Equal(stale) {
		return Token{}, ErrStale
	}
	return token, err
}
