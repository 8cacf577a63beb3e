package trigger

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

var environment = map[string]string{
	"WX_CONTEXT_KEYS": "WX_OPENID,WX_APPID,WX_UNIONID",
	"WX_OPENID":       "oABC0123456789abcdefghijk1234",
	"WX_APPID":        "wx0123456789abcdef",
	"WX_UNIONID":      "uXYZ0123456789abcdefghijk5678",
	"TCB_SOURCE":      "wx_client,scf",
	"WX_API_TOKEN":    "SECRET",
}

func TestCallerIsWhomThePlatformNames(t *testing.T) {
	assert.Equal(t, Caller{
		OpenID:  "oABC0123456789abcdefghijk1234",
		AppID:   "wx0123456789abcdef",
		UnionID: "uXYZ0123456789abcdefghijk5678",
		Source:  "wx_client,scf",
	}, CallerOf(environment))
}

func TestProcessEnvironmentNamesNoCaller(t *testing.T) {
	for name, value := range environment {
		t.Setenv(name, value)
	}
	assert.Zero(t, CallerOf(nil))
	assert.Zero(t, CallerOf(map[string]string{"TENCENTCLOUD_RUNENV": "SCF"}))
}

func TestCallerIsShortenedWhereverItIsPrinted(t *testing.T) {
	caller := CallerOf(environment)
	const want = "openid=oABC…1234 appid=wx0123456789abcdef unionid=uXYZ…5678 source=wx_client,scf"
	assert.Equal(t, want, fmt.Sprint(caller))
	assert.Equal(t, want, fmt.Sprintf("%+v", &caller))

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("called", "caller", caller)
	assert.Contains(t, log.String(), `"caller":{"openid":"oABC…1234","appid":"wx0123456789abcdef","unionid":"uXYZ…5678","source":"wx_client,scf"}`)
}

func TestUnknownPartsOfACallerAreNotPrinted(t *testing.T) {
	assert.Empty(t, Caller{}.String())
	assert.Equal(t, "openid=… source=wx_client", Caller{OpenID: "oTooShort", Source: "wx_client"}.String())
}
