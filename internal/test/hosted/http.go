package hosted

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
)

// Post sends a body over HTTP and returns the status and the answer.
func Post(t testing.TB, url string, body []byte, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer)
}

// StableToken fetches a token at base as a WeChat SDK does.
func StableToken(t testing.TB, base, appID, secret string) string {
	t.Helper()
	_, answer := Post(t, base+"/cgi-bin/stable_token",
		JSON(t, map[string]string{"grant_type": "client_credential", "appid": appID, "secret": secret}), nil)
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &grant))
	require.NotEmpty(t, grant.AccessToken, answer)
	return grant.AccessToken
}

// URL is the function URL of a function, as its platform has it: the one of SCF without
// authentication, elsewhere an HTTP API of AWS.
func URL(runtime emulator.Runtime) http.Handler {
	bare := runtime
	if faulty, ok := runtime.(*emulator.Faulty); ok {
		bare = faulty.Runtime
	}
	if _, ok := bare.(*emulator.SCF); ok {
		return emulator.SCFFunctionURL(runtime, emulator.TC3Key{})
	}
	return emulator.HTTPAPI(runtime)
}
