package trigger

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/openapi"
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
	assert.Equal(t, openapi.User("oABC0123456789abcdefghijk1234").From("wx0123456789abcdef"), CallerOf(environment, false))
}

func TestAppIsTheOneThatThePlatformNames(t *testing.T) {
	backend := map[string]string{"TCB_SOURCE": "scf", "WX_APPID": "wx1", "WX_FROM_APPID": "wx2"}
	assert.Equal(t, openapi.Backend().From("wx1"), CallerOf(backend, false))

	header := http.Header{"X-Wx-Openid": {"oUser"}, "X-Wx-Appid": {"wx1"}}
	assert.Equal(t, openapi.User("oUser").From("wx1"), CallerOfHeaders(header))
	header["X-Wx-From-Appid"] = []string{"wx1"}
	assert.Equal(t, openapi.User("oUser").From("wx1"), CallerOfHeaders(header), "the twin")
	header["X-Wx-From-Appid"] = []string{"wx2"}
	assert.True(t, CallerOfHeaders(header).IsNameless())
	assert.True(t, CallerOfHeaders(http.Header{"X-Wx-Openid": {"oUser"}, "X-Wx-Appid": {"wx1", "wx2"}}).IsNameless())
	assert.False(t, CallerOfHeaders(http.Header{"X-Wx-Appid": {"wx1"}}).IsUser(), "an app is nobody")
}

func TestProcessEnvironmentNamesNoCaller(t *testing.T) {
	for name, value := range environment {
		t.Setenv(name, value)
	}
	assert.Equal(t, openapi.Backend(), CallerOf(nil, false))
	assert.Equal(t, openapi.Backend(), CallerOf(map[string]string{"TENCENTCLOUD_RUNENV": "SCF", "WECHAT_APPID": "wx"}, false))
}

func TestAnyVariableOfCloudBaseAsksForProof(t *testing.T) {
	for _, name := range []string{"TCB_ENV", "TCB_CONTEXT_CNFG", "TCB_SOURCE", "TCB_UUID", "WX_OPENID", "WX_CONTEXT_KEYS", "WX_CLOUDBASE_ACCESSTOKEN"} {
		environment := map[string]string{name: ""}
		assert.False(t, CallerOf(environment, false).IsBackend(), name)
		environment["TCB_SOURCE"] = "scf"
		assert.True(t, CallerOf(environment, false).IsBackend(), "the twin: %s", name)
	}
	assert.False(t, CallerOf(nil, true).IsBackend(), "the process is known to run there")
}

// A variable of that kind that somebody has set by hand shuts out everybody: it is named.
func TestVariableThatLooksLikeCloudBaseIsNamed(t *testing.T) {
	by := func(environment map[string]string) string {
		return CallerOf(environment, false).Refused().Message
	}
	assert.Contains(t, by(map[string]string{"WX_APPID": "wx0123456789abcdef", "WX_APPSECRET": "hush", "WECHAT_APPID": "wx"}),
		"Outside CloudBase, unset WX_APPID: variables of that kind are CloudBase's")
	assert.NotContains(t, by(map[string]string{"WX_APPID": "hush", "TCB_SOURCE": ""}), "hush")
	assert.Contains(t, by(map[string]string{"WX_APPID": "wx0123456789abcdef", "TCB_SOURCE": "wx_client"}), `TCB_SOURCE is "wx_client"`, "the twin: CloudBase itself")
	assert.Contains(t, CallerOf(nil, true).Refused().Message, `TCB_SOURCE is ""`)
}

func TestUsersWhoseOpenIDIsNotThisApps(t *testing.T) {
	for name, others := range map[string]map[string]string{
		"another app's user":         {"WX_FROM_OPENID": "oOther"},
		"another app's user, both":   {"WX_FROM_OPENID": "oOther", "WX_OPENID": "oUser"},
		"a user of CloudBase itself": {"TCB_UUID": "u"},
		"a unionid alone":            {"WX_UNIONID": "u"},
	} {
		others["TCB_SOURCE"] = "scf"
		caller := CallerOf(others, false)
		for _, openid := range []string{"", "oUser", "oOther", "u"} {
			_, refused := caller.WithProof().ResolveOpenID(openid)
			if assert.NotNil(t, refused, name) {
				assert.Equal(t, openapi.CodeIllegalSource, refused.Code)
			}
		}
	}
	same := CallerOf(map[string]string{"WX_FROM_OPENID": "oUser", "WX_OPENID": "oUser"}, false)
	assert.Equal(t, openapi.User("oUser"), same)
	both := CallerOf(map[string]string{"TCB_UUID": "u", "WX_OPENID": "oUser"}, false)
	assert.Equal(t, openapi.User("oUser"), both)
}

func TestRefusalNamesTheSource(t *testing.T) {
	_, refused := CallerOf(map[string]string{"TCB_SOURCE": "wx_client,web_client"}, false).ResolveOpenID("oUser")
	assert.Contains(t, refused.Message, `TCB_SOURCE is "wx_client,web_client"`)
}
