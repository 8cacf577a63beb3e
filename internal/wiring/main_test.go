package wiring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter/platforms"
	"sotercall/internal/function"
	"sotercall/internal/secrets"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/redis"
)

// asFunction is what the name of this binary begins with where it is to be a function
// with a clock that a test winds on; the rest of the name says which. See windable.
const asFunction = "windable-"

// stores are those of the deployed functions.
var stores = Openers{redis.Opener(WallClock), dynamodb.Opener(WallClock)}

func TestMain(m *testing.M) {
	name, isFunction := strings.CutPrefix(filepath.Base(os.Args[0]), asFunction)
	if !isFunction {
		os.Exit(m.Run())
	}
	h := function.New(name, map[string]function.Builder{"verify": stores.Verify, "token": stores.Token, "service": stores.Service}[name], os.Stderr)
	h.SetVault(secrets.Open)
	h.SetClock(func() time.Time {
		ahead, _ := os.ReadFile(clockFile(os.Args[0]))
		by, _ := time.ParseDuration(string(ahead))
		return time.Now().Add(by)
	})
	os.Exit(platforms.Start(h, os.Stderr))
}

func clockFile(binary string) string { return binary + ".clock" }

// windable is a function as it is deployed, but for the clock by which it reads its
// secrets: wind puts that ahead. The real life of secrets is longer than a test.
func windable(t *testing.T, name string) (binary string, wind func(by time.Duration)) {
	t.Helper()
	this, err := os.Executable()
	require.NoError(t, err)
	binary = filepath.Join(t.TempDir(), asFunction+name)
	require.NoError(t, os.Symlink(this, binary))
	var ahead time.Duration
	return binary, func(by time.Duration) {
		ahead += by
		whole := clockFile(binary) + ".next"
		require.NoError(t, os.WriteFile(whole, []byte(ahead.String()), 0o600))
		require.NoError(t, os.Rename(whole, clockFile(binary)))
	}
}
