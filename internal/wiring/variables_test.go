package wiring

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

type settings struct {
	Mode   string        `env:"MODE" envDefault:"stable"`
	Life   time.Duration `env:"LIFE" envDefault:"2m"`
	Span   time.Duration `env:"SPAN" envDefault:"2m" form:"a duration with its unit, such as 2m"`
	Secret secret.Text   `env:"SECRET"`
	List   []secret.Text `env:"LIST"`
	Inner  struct {
		Nested string `env:"NESTED"`
	}
}

func TestRead(t *testing.T) {
	var s settings
	require.NoError(t, readVariables(&s, map[string]string{"SECRET": "x", "LIST": "a,b", "MODE": "", "OTHER": "y"}))
	assert.Equal(t, "stable", s.Mode, "an empty variable is not set")
	assert.Equal(t, 2*time.Minute, s.Life)
	assert.Equal(t, "x", s.Secret.Reveal())
	require.Len(t, s.List, 2)
	assert.True(t, s.List[1].Matches("b"))
}

func TestReadNeverTakesFromTheProcess(t *testing.T) {
	t.Setenv("MODE", "classic")
	var s settings
	require.NoError(t, readVariables(&s, nil))
	assert.Equal(t, "stable", s.Mode)
}

func TestWhatCannotBeReadIsNamedWithoutItsValue(t *testing.T) {
	err := readVariables(new(settings), map[string]string{"LIFE": "hush"})
	assert.EqualError(t, err, "LIFE cannot be read")
	err = readVariables(new(settings), map[string]string{"SPAN": "120"})
	assert.EqualError(t, err, "SPAN must be a duration with its unit, such as 2m")
}

func TestCheck(t *testing.T) {
	var good checker
	good.Required("A", true)
	good.OneOf("B", "x", "x", "y")
	for _, address := range []string{"https://api.weixin.qq.com", "http://127.0.0.1:9000", "http://localhost", "http://[::1]:1/base", "http://host.docker.internal:9000"} {
		assert.Equal(t, address, good.Address("C", address).String())
	}
	require.NoError(t, good.Err())

	var bad checker
	bad.Required("A", false)
	bad.OneOf("B", "hush", "x", "y")
	for _, address := range []string{"http://api.weixin.qq.com", "ftp://127.0.0.1", "127.0.0.1", "", "https://", "https://%", "http://127.0.0.1.example", "http://host.docker.internal.example"} {
		var c checker
		c.Address("C", address)
		assert.ErrorContains(t, c.Err(), "C must be an https address", address)
	}
	assert.EqualError(t, bad.Err(), "A is not set; B must be one of x, y")
}
