package secret_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

const content = "s3cr3t-value"

// holder has the secret where fmt cannot ask it how to print: unexported.
type holder struct {
	Shown  secret.Text
	hidden secret.Text
	list   []secret.Text
	byName map[string]secret.Text
}

func TestNothingPrintsASecret(t *testing.T) {
	s := secret.New(content)
	h := holder{s, s, []secret.Text{s}, map[string]secret.Text{"k": s}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		args := []any{s}
		if verb == "%T %v" {
			args = []any{s, s}
		}
		assert.NotContains(t, fmt.Sprintf(verb, args...), content, verb)
	}
	for _, v := range []any{s, &s, h, &h, []any{h}, fmt.Errorf("wrapped: %v", s)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			assert.NotContains(t, fmt.Sprintf(verb, v), content, verb)
		}
		for _, marshal := range []func(any) ([]byte, error){
			stdjson.Marshal, func(v any) ([]byte, error) { return json.Marshal(v) },
		} {
			if _, isError := v.(error); isError {
				continue // has no JSON form in one of the packages
			}
			out, err := marshal(v)
			require.NoError(t, err)
			assert.NotContains(t, string(out), content)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		assert.NotContains(t, log.String(), content)
	}
	assert.Equal(t, "[redacted]", fmt.Sprint(s))
	assert.Equal(t, content, s.Reveal(), "the twin: the secret is there")
}

func TestMatches(t *testing.T) {
	s := secret.New(content)
	assert.True(t, s.Matches(content))
	assert.True(t, s.Equal(secret.New(content)))
	assert.True(t, s.Equal(s))
	assert.False(t, s.Equal(secret.New(content+"x")))
	assert.False(t, s.Matches(content+"x"))
	assert.False(t, s.Matches(""))
	assert.True(t, s.HasDigest(secret.DigestOf(content)))
	assert.False(t, s.HasDigest(secret.DigestOf("")))
	assert.False(t, s.HasDigest(secret.Digest{}))
	assert.False(t, secret.Text{}.HasDigest(secret.Digest{}))
	assert.False(t, secret.Text{}.HasDigest(secret.DigestOf("")))
	assert.False(t, s.Equal(secret.Text{}))
	assert.False(t, secret.Text{}.Matches(""), "an absent secret lets nobody in")
	assert.False(t, secret.Text{}.Equal(secret.Text{}))
}

func TestConfigurationReadsIntoText(t *testing.T) {
	var s secret.Text
	require.NoError(t, s.UnmarshalText([]byte(content)))
	assert.Equal(t, content, s.Reveal())
	require.NoError(t, s.UnmarshalText(nil))
	assert.True(t, s.IsZero())
}
