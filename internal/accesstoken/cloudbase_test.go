package accesstoken_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
)

func TestCloudBaseTakesTheTokenThatCameNearest(t *testing.T) {
	var ofInvocation secret.Text
	file := filepath.Join(t.TempDir(), "cloudbase_access_token")
	source := accesstoken.NewCloudBase(func(context.Context) secret.Text { return ofInvocation }, file, time.Now)
	_, err := source.Token(t.Context())
	assert.ErrorContains(t, err, "the platform gave no cloudbase_access_token")

	expect := func(ctx context.Context, want string) {
		t.Helper()
		token, err := source.Token(ctx)
		require.NoError(t, err)
		assert.Equal(t, want, token.Value.Reveal())
		assert.True(t, token.CloudBase)
	}
	require.NoError(t, os.WriteFile(file, []byte("of the file"), 0o600))
	expect(t.Context(), "of the file")
	ofInvocation = secret.New("of the invocation")
	expect(t.Context(), "of the invocation")
}

func TestCloudBaseLooksAgainForARefusedToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cloudbase_access_token")
	source := accesstoken.NewCloudBase(func(context.Context) secret.Text { return secret.Text{} }, file, time.Now)
	require.NoError(t, os.WriteFile(file, []byte("first"), 0o600))
	_, err := source.Replace(t.Context(), secret.New("first"), accesstoken.Refused)
	require.ErrorIs(t, err, accesstoken.ErrStale)
	require.NoError(t, os.WriteFile(file, []byte("second"), 0o600))
	token, err := source.Replace(t.Context(), secret.New("first"), accesstoken.Refused)
	require.NoError(t, err)
	assert.Equal(t, "second", token.Value.Reveal())
}
