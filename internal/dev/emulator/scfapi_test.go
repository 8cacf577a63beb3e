package emulator

import (
	"context"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever comes in, the answer is one of API 3.0's, and without the key's signature nothing runs.
func FuzzSCFAPI(f *testing.F) {
	f.Add("InvokeFunction", "application/json", "TC3-HMAC-SHA256 Credential=AKID/2019-02-25/127/tc3_request, SignedHeaders=content-type;host, Signature=00", `{"FunctionName":"verify","Event":"{}"}`)
	f.Add("Invoke", "application/json; charset=utf-8", "SKIP", `{"FunctionName":"verify","ClientContext":"{\"a\":1}","InvocationType":"Event"}`)
	f.Add("\xff", "text/plain", "TC3-HMAC-SHA256 Credential=////, Signature=", "{")
	f.Fuzz(func(t *testing.T, action, contentType, authorization, body string) {
		for key, mayRun := range map[TC3Key]bool{{}: true, {"AKID", "a secret"}: false} {
			ran := make(chan string, 1)
			api := SCFAPI(map[string]Runtime{"verify": runtimeFunc(func(_ context.Context, call Call) (Response, error) {
				ran <- string(call.Payload)
				return Response{Payload: call.Payload, RequestID: call.RequestID}, nil
			})}, key)
			r := httptest.NewRequest("POST", "/", strings.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Authorization", authorization)
			r.Header.Set("X-TC-Action", action)
			r.Header.Set("X-TC-Version", scfAPIVersion)
			r.Header.Set("X-TC-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
			w := httptest.NewRecorder()
			api.ServeHTTP(w, r)

			var answer struct {
				Response struct {
					Error     struct{ Code, Message string }
					Result    jsontext.Value
					RequestId string
				}
			}
			require.Equal(t, 200, w.Code, "the SDKs read errors from answers with status 200 only")
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer, json.RejectUnknownMembers(true)))
			require.NotEmpty(t, answer.Response.RequestId)
			if answer.Response.Error.Code != "" {
				assert.Empty(t, answer.Response.Result)
				assert.Empty(t, ran, "what is refused is not run")
				continue
			}
			require.True(t, mayRun, "%s", w.Body)
			assert.True(t, isJSON([]byte(<-ran)), "a function gets JSON only")
		}
	})
}
