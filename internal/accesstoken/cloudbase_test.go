package accesstoken_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
)

func TestCloudBaseTakesTheTokenThatCameNearest(t *testing.T) {
	environment := map[string]string{}
	source := &accesstoken.CloudBase{
		Environment: func(context.Context) map[string]string { return environment },
		File:        filepath.Join(t.TempDir(), "cloudbase_access_token"),
	}
	_, err := source.Token(t.Context())
	assert.ErrorContains(t, err, "the platform gave no cloudbase_access_token")

	expect := func(ctx context.Context, want string) {
		t.Helper()
		token, err := source.Token(ctx)
		require.NoError(t, err)
		assert.Equal(t, want, token.Value.Reveal())
		assert.True(t, token.CloudBase)
	}
	require.NoError(t, os.WriteFile(source.File, []byte("of the file"), 0o600))
	expect(t.Context(), "of the file")
	environment["WX_CLOUDBASE_ACCESSTOKEN"] = "of the invocation"
	expect(t.Context(), "of the invocation")
	expect(accesstoken.WithCloudBase(t.Context(), secret.New("of the request")), "of the request")
}

func TestCloudBaseLooksAgainForARefusedToken(t *testing.T) {
	source := &accesstoken.CloudBase{
		Environment: func(context.Context) map[string]string { return nil },
		File:        filepath.Join(t.TempDir(), "cloudbase_access_token"),
	}
	require.NoError(t, os.WriteFile(source.File, []byte("first"), 0o600))
	_, err := source.Refresh(t.Context(), secret.New("first"))
	require.ErrorIs(t, err, accesstoken.ErrStale)
	require.NoError(t, os.WriteFile(source.File, []byte("second"), 0o600))
	token, err := source.Refresh(t.Context(), secret.New("first"))
	require.NoError(t, err)
	assert.Equal(t, "second", token.Value.Reveal())
}
