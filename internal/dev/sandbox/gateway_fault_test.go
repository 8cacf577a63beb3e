package sandbox

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
)

// What CloudBase refuses for reasons of its own reaches the caller with the SDK's code, the
// platform's word in the log, and what to do.
func TestGatewayRefusesOnRequest(t *testing.T) {
	c := newClient(t, Options{FunctionConfig: []byte(permittedBy)})
	verifier, genuine := c.cloudCaller(c.s.now, nil), demoQuestion(t)
	codes := map[string]int{"SYS_ERR": -501001, "SERVER_TIMEOUT": -501002, "EXCEED_REQUEST_LIMIT": -501003,
		"EXCEED_CONCURRENT_REQUEST_LIMIT": -501004, "INVALID_REQUEST_SOURCE": -501008, "RESOURCE_NOT_INITIAL": -501009}
	for code, g := range gatewayCodes {
		require.NoError(t, c.s.Inject(Fault{Kind: FaultGateway, Code: code, Times: 1}))
		_, err := verifier.Verify(t.Context(), genuine)
		said, number := outcome(openapi.Verdict{}, err)
		want, ok := codes[code]
		if !ok {
			want = -501001 // the SDK does not know it
		}
		assert.Equal(t, want, number, code)
		assert.Contains(t, said, g.says, code)
		assert.ErrorContains(t, err, "gateway: "+code+", request ", "for the log: the word is no secret")
		if code != "SYS_ERR" && code != "SERVER_TIMEOUT" { // which the table of codes explains
			assert.Regexp(t, `\(.{30,}\)$`, said, "%s: what to do", code)
		}
	}
	require.NoError(t, c.s.Inject(Fault{Kind: FaultPermission, Times: 1}))
	said, number := outcome(verifier.Verify(t.Context(), genuine))
	assert.Equal(t, -604101, number)
	assert.Contains(t, said, "a change counts about ten minutes after the function was uploaded anew by WeChat's developer tools")

	said, _ = outcome(verifier.Verify(t.Context(), genuine))
	assert.Equal(t, "genuine", said, "each struck once")
	require.NoError(t, c.s.Inject(Fault{Kind: FaultGateway, Code: "SYS_ERR"}))
	assert.Zero(t, c.verify(c.stable(false).AccessToken, demoSigned(t)).code(), "WeChat's own API knows nothing of it")
}
