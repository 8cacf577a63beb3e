package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/dev/emulator"
	"sotercall/scripts/local/language"
	"sotercall/scripts/local/texts"
)

// Each platform has its command, in each language, and every placeholder is replaced.
func TestServeOffersEachPlatform(t *testing.T) {
	for _, lang := range language.All {
		var out bytes.Buffer
		printBanner(&out, texts.Commands(lang), "http://127.0.0.1:9000")
		for _, p := range emulator.Platforms {
			assert.Contains(t, out.String(), "\n  curl -s http://127.0.0.1:9000"+p.Paths[0]+"verify/invocations -d @event.json\n", p.Name)
		}
		assert.NotRegexp(t, `\b(BASE|HOST)\b|%!`, out.String())
	}
}
