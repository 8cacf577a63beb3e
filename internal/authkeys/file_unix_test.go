//go:build unix

package authkeys_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/authkeys"
	"sotercall/internal/authkeys/storetest"
	"sotercall/internal/openapi"
)

// A file that hangs, here a pipe that nobody writes to, holds no call beyond its time,
// and one goroutine for all calls. It is read again when it hangs no more.
func TestFileThatHangsHoldsNoCall(t *testing.T) {
	path := filepath.Join(t.TempDir(), "authkeys.json")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	key := storetest.Key("u", "c", "1", 5)
	file := authkeys.NewFile(path)
	before := runtime.NumGoroutine()
	const calls = 20
	for range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		_, err := file.Find(ctx, key.ID)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, authkeys.ErrNotEnrolled)
	}
	assert.Less(t, runtime.NumGoroutine()-before, calls)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	verdict, err := authkeys.NewVerifier(file).Verify(ctx, newPhone(t).answer(t, 241))
	assert.Zero(t, verdict)
	require.Error(t, err)
	assert.Equal(t, openapi.CodeTimeout, openapi.AsError(err).Code)

	writer, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the reader, and frees it
	require.NoError(t, err)
	write(t, path, key)
	require.NoError(t, writer.Close())
	var got authkeys.AuthKey
	require.Eventually(t, func() bool { got, err = file.Find(t.Context(), key.ID); return err == nil }, time.Minute, time.Millisecond)
	assert.Equal(t, key, got)
}
