package emulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const invokeSCFVerify = "/scf/functions/verify/invocations"

func TestSCFInvokeAPIPlaysAMiniProgramCaller(t *testing.T) {
	t.Parallel()
	api := SCFInvokeAPI(map[string]Runtime{"verify": startSCF(t, Function{})})
	response, body := post(t, api, invokeSCFVerify, event(t, "context", ""), map[string]string{
		"X-Scf-Environment": `{"WX_OPENID":"oAlice","WX_APPID":"wx1"}`,
	})
	require.Equal(t, http.StatusOK, response.StatusCode, body)
	assert.Empty(t, response.Header.Get("X-Scf-Function-Error"))
	var got scfContext
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	assert.Equal(t, map[string]string{"WX_OPENID": "oAlice", "WX_APPID": "wx1"}, got.Function.Environment)
	assert.Equal(t, response.Header.Get("X-Scf-Request-Id"), got.Function.RequestID)
	assert.NotEmpty(t, got.Function.RequestID)

	response, _ = post(t, api, invokeSCFVerify, event(t, "log", "seen\n"), nil)
	log, err := base64.StdEncoding.DecodeString(response.Header.Get("X-Scf-Log-Result"))
	require.NoError(t, err)
	assert.Equal(t, "seen\n", string(log))

	response, body = post(t, api, invokeSCFVerify, event(t, "error", "no such user"), nil)
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "Unhandled", response.Header.Get("X-Scf-Function-Error"))
	assert.Contains(t, body, `"errorMessage":"no such user"`)
}

func TestSCFInvokeAPIRefusals(t *testing.T) {
	api := SCFInvokeAPI(map[string]Runtime{
		"verify": runtimeFunc(func(context.Context, Call) (Response, error) { return Response{Payload: []byte("1")}, nil }),
		"closed": runtimeFunc(func(context.Context, Call) (Response, error) { return Response{}, ErrClosed }),
	})
	largest := `"` + strings.Repeat("x", maxSyncPayload-2) + `"`
	for name, test := range map[string]struct {
		path        string
		body        string
		environment string
		status      int
		code        string
	}{
		"largest event":             {body: largest, status: 200},
		"larger event":              {body: largest + " ", status: 413, code: "RequestTooLarge"},
		"not JSON":                  {body: "{", status: 400, code: "InvalidParameterValue"},
		"no event":                  {body: "", status: 400, code: "InvalidParameterValue"},
		"unknown function":          {path: "/scf/functions/other/invocations", body: "{}", status: 404, code: "ResourceNotFound.Function"},
		"environment":               {body: "{}", environment: `{"A":"1"}`, status: 200},
		"environment not strings":   {body: "{}", environment: `{"A":1}`, status: 400, code: "InvalidParameterValue"},
		"environment not an object": {body: "{}", environment: `["A"]`, status: 400, code: "InvalidParameterValue"},
		// CloudBase, docs.cloudbase.net/en/error-code/EXCEED_MAX_PAYLOAD_SIZE: a function takes 100 KB of text.
		"a large page's event": {body: `"` + strings.Repeat("x", maxCloudBaseEvent-1) + `"`, environment: `{"TCB_SOURCE":"wx_client"}`, status: 413, code: "EXCEED_MAX_PAYLOAD_SIZE"},
		"just not too large":   {body: `"` + strings.Repeat("x", maxCloudBaseEvent-2) + `"`, environment: `{"TCB_SOURCE":"wx_client"}`, status: 200},
		"outside CloudBase":    {body: `"` + strings.Repeat("x", maxCloudBaseEvent-1) + `"`, environment: `{"A":"1"}`, status: 200},
		"closed runtime":       {path: "/scf/functions/closed/invocations", body: "{}", status: 500, code: "InternalError"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.path == "" {
				test.path = invokeSCFVerify
			}
			header := map[string]string{}
			if test.environment != "" {
				header["X-Scf-Environment"] = test.environment
			}
			response, body := post(t, api, test.path, []byte(test.body), header)
			assert.Equal(t, test.status, response.StatusCode, body)
			var refusal struct {
				Response struct {
					Error     struct{ Code, Message string }
					RequestID string `json:"RequestId"`
				}
			}
			if test.code == "" {
				assert.Equal(t, "1", body)
				return
			}
			require.NoError(t, json.Unmarshal([]byte(body), &refusal))
			assert.Equal(t, test.code, refusal.Response.Error.Code)
			assert.NotEmpty(t, refusal.Response.Error.Message)
			assert.Equal(t, response.Header.Get("X-Scf-Request-Id"), refusal.Response.RequestID)
		})
	}
}
