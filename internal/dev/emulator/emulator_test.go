package emulator

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter/platforms"
)

// What can run a function has a stand-in, and the other way round.
func TestEachPlatformHasAStandIn(t *testing.T) {
	var run, simulated []string
	for _, kind := range platforms.Platforms {
		run = append(run, string(kind.Name))
	}
	for _, platform := range All() {
		simulated = append(simulated, platform.Name)
	}
	assert.ElementsMatch(t, run, simulated)
}

func TestFunctionThatCannotRunIsRefused(t *testing.T) {
	for want, f := range map[string]Function{
		"has no name":               {Binary: "/bin/true"},
		"is not an absolute path":   {Name: "verify", Binary: "bin/true"},
		"negative timeout":          {Name: "verify", Binary: "/bin/true", Timeout: -1},
		"no such file or directory": {Name: "verify", Binary: t.TempDir() + "/missing"},
	} {
		_, err := StartLambda(t.Context(), f)
		require.ErrorContains(t, err, want)
		_, err = StartSCF(t.Context(), f)
		require.ErrorContains(t, err, want)
	}
}

func TestFunctionDefaultsAreThePlatforms(t *testing.T) {
	f, err := Function{Name: "verify", Binary: "/bin/true"}.withDefaults()
	require.NoError(t, err)
	assert.Equal(t, "3s", f.Timeout.String())
	assert.Equal(t, 128, f.MemoryMB)
	assert.NotNil(t, f.Log)
}

func TestRequestIDsAreRandomUUIDs(t *testing.T) {
	first, second := newRequestID(), newRequestID()
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, first)
	assert.NotEqual(t, first, second)
}
