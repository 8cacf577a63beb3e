package emulator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// CloudBase, docs.cloudbase.net/error-code/INVALID_PARAM: Cloud Calls must begin in the Mini Program. The console, the
// web, functions that call functions and timers bring no ticket. WeChat, invokeCloudFunction
// (developers.weixin.qq.com/doc/oplatform/openApi/OpenApiDoc/cloudbase-common/scf-management/invokeCloudFunction.html):
// what this API calls may make Cloud Calls.
func TestWhichInvocationHasATicket(t *testing.T) {
	for source, want := range map[string]bool{
		"wx_client": true, "wx_http": true,
		"wx_client,scf": false, "scf": false, "wx_http,scf": false, "web_client": false, "wx_trigger": false, "wx_devtools": false, "": false,
	} {
		variables := map[string]string{"TCB_SOURCE": source, "WX_CONTEXT_KEYS": "WX_OPENID"}
		require.NoError(t, withTicket(variables), source)
		assert.Equal(t, want, variables[ticket] != "", source)
		assert.Equal(t, want, variables["WX_CONTEXT_KEYS"] == "WX_OPENID,WX_API_TOKEN", source)

		named := map[string]string{"TCB_SOURCE": source, ticket: "x"}
		if want {
			require.NoError(t, withTicket(named), source)
			assert.Equal(t, "x", named[ticket])
		} else {
			require.ErrorIs(t, withTicket(named), errTicket, source)
		}
	}
}

// Tencent Cloud, cloud.tencent.com/document/product/583/11637: the variables of one function have 4 KB together.
func TestSCFTakesFourKilobytesOfVariables(t *testing.T) {
	large := Function{Name: "f", Binary: "/no/such/binary", Env: map[string]string{"A": strings.Repeat("x", maxSCFEnvironment)}}
	_, err := StartSCF(t.Context(), large)
	require.ErrorContains(t, err, "the variables have 4097 bytes, SCF takes 4096")
	large.Env["A"] = large.Env["A"][1:]
	_, err = StartSCF(t.Context(), large)
	assert.ErrorContains(t, err, "no such file", "the twin")
}
