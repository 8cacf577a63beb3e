package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeadDocLinksAreFound(t *testing.T) {
	findings, err := docLinks(".", "./testdata/links")
	require.NoError(t, err)
	var names []string
	for _, finding := range findings {
		assert.Contains(t, finding, "links.go:14:", "the comment of Close")
		_, rest, _ := strings.Cut(finding, "[")
		name, _, _ := strings.Cut(rest, "]")
		names = append(names, name)
	}
	assert.ElementsMatch(t, []string{"Servers", "Server.Open", "net/http.Serves", "net/http.Server.Addresses", "unexported"}, names)
}
