package trigger_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/trigger"
)

func TestOnlyTheLastHopMakesACallAPages(t *testing.T) {
	for source, want := range map[string]bool{
		"wx_client":     true,
		"wx_devtools":   true,
		"scf,wx_client": true,
		"wx_client,scf": false,
		"wx_http":       false,
		"wx_trigger":    false,
		"":              false,
	} {
		assert.Equal(t, want, trigger.Caller{Source: source}.FromPage(), source)
	}
}
