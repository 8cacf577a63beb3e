package interop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
	"sotercall/internal/test/need"
	"sotercall/internal/wechat/cloudcall"
)

// gatewayCodes are those of wx-server-sdk's src/config/error.config, and some of
// CloudBase's that it does not have.
var gatewayCodes = []string{
	"SYS_ERR", "SERVER_TIMEOUT", "EXCEED_REQUEST_LIMIT", "EXCEED_CONCURRENT_REQUEST_LIMIT", "INVALIID_ENV",
	"INVALID_COMMON_PARAM", "INVALID_PARAM", "INVALID_REQUEST_SOURCE", "RESOURCE_NOT_INITIAL", "FUNCTIONS_REQUEST_FAIL",
	"FUNCTIONS_EXECUTE_FAIL", "SIGN_PARAM_INVALID", "EXCEED_RATELIMIT", "EXCEED_REQUEST_SIZE_LIMIT", "INVALID_ENV",
	"INVALID_ENV_STATUS", "INVALID_ENV_SOURCE", "INVALID_WX_ACCESS_TOKEN",
	"INVALID_OPERATION", "PERMISSION_DENIED", "EXCEED_AUTHORITY", "RequestLimitExceeded",
}

// platformCodes are the ranges in which the platform's codes lie.
var platformCodes = [][2]int{{-601020, -601001}, {-604105, -604100}, {-501010, -501001}, {-504003, -504001}}

// unknownTo4 are codes that the SDK knows, and files under another number by
// mistake, so that its text never appears.
var unknownTo4 = map[int]bool{-601018: true}

// TestWordsAreTheSDKs has a gateway that refuses with each code in turn, and
// asks with the newest SDK and with package cloudcall.
func TestWordsAreTheSDKs(t *testing.T) {
	need.CI(t)
	need.NodeModules(t, ".")
	server := httptest.NewServer(http.HandlerFunc(refuseAsTold))
	defer server.Close()
	targets := make([]string, 0, len(gatewayCodes))
	for _, code := range gatewayCodes {
		targets = append(targets, "/code/"+code)
	}
	for _, codes := range platformCodes {
		for code := codes[0]; code <= codes[1]; code++ {
			targets = append(targets, "/errorCode/"+strconv.Itoa(code))
		}
	}
	text := "{}"
	var questions []asked
	for _, target := range targets {
		questions = append(questions, asked{
			Environment: gatewayAt(server.URL + target),
			Question:    question{OpenID: &text, JSONString: &text, JSONSignature: &text},
		})
	}
	for i, theirs := range ask(t, newest, seedExample, questions) {
		t.Run(targets[i][1:], func(t *testing.T) {
			verifier := cloudcall.New(func(context.Context) map[string]string { return questions[i].Environment }, time.Now)
			_, err := verifier.Verify(t.Context(), openapi.Request{OpenID: text, JSONString: text, JSONSignature: text})
			var ours *openapi.Error
			require.ErrorAs(t, err, &ours)
			var thrown struct {
				ErrCode int    `json:"errCode"`
				ErrMsg  string `json:"errMsg"`
			}
			require.True(t, theirs.Thrown)
			require.NoError(t, json.Unmarshal([]byte(theirs.Answer), &thrown))
			assert.Equal(t, thrown.ErrCode, ours.Code)
			if strings.HasPrefix(targets[i], "/code/") {
				said, _, _ := strings.Cut(ours.Message, " (") // behind it stands what to do
				assert.Equal(t, thrown.ErrMsg, openapi.Name+":fail "+said)
				return
			}
			words := tableText(t, theirs)
			if words == "" {
				words = "unknown error"
			}
			if unknownTo4[ours.Code] {
				assert.Equal(t, "unknown error", words)
				words = "unauthorized API"
			}
			assert.Regexp(t, "^"+regexp.QuoteMeta(strconv.Itoa(ours.Code)+" "+words+". ")+".+$", ours.Message)
		})
	}
}

// refuseAsTold answers with the code in the path.
func refuseAsTold(w http.ResponseWriter, r *http.Request) {
	if code, ok := strings.CutPrefix(r.URL.Path, "/code/"); ok {
		w.Header().Set("Content-Type", cloudcall.ErrorType)
		_, _ = w.Write([]byte(`{"code":"` + code + `","message":"a message","requestId":"a-request"}`))
		return
	}
	code, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/errorCode/"), 10, 32)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(cloudcall.Response{ErrorCode: int32(code)}.Marshal())
}
