package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDemo(t *testing.T) {
	hosted(t)
	out, log, err := local(t, nil, "demo")
	require.NoError(t, err, out)
	assert.Equal(t, 4, strings.Count(out, "✓     ✓     ✓"), out)
	assert.Equal(t, 9, strings.Count(out, "✗     ✗     ✗"), out)
	assert.Contains(t, out, "39 answers, each as it must be. Access tokens fetched from WeChat: 1.")
	assert.Contains(t, out, "✗ replayed: the challenge was used before ")
	assert.NotContains(t, out, "WRONG")
	for line := range strings.Lines(out) {
		assert.Less(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 80, line)
	}
	assert.Contains(t, out, "examples/")
	assert.NotContains(t, out+log, "\x1b", "a test is no terminal")
	assert.Less(t, strings.Index(log, "the first time takes about a minute"), strings.Index(log, "token"))
}
