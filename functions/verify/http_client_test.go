package main

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

// post sends a body over HTTP and returns the status and the answer.
func post(t *testing.T, url string, body []byte, header http.Header) (int, string) {
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

func fetchStableToken(t *testing.T, base, appID, appSecret string) string {
	t.Helper()
	_, answer := post(t, base+"/cgi-bin/stable_token",
		marshal(t, map[string]string{"grant_type": "client_credential", "appid": appID, "secret": appSecret}), nil)
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &grant))
	require.NotEmpty(t, grant.AccessToken, answer)
	return grant.AccessToken
}
