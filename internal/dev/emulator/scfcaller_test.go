package emulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// CloudBase, docs.cloudbase.net/error-code/INVALID_PARAM: Cloud Calls must begin in the Mini Program. The console, the
// web, functions that call functions and timers bring no ticket. WeChat, invokeCloudFunction
// (developers.weixin.qq.com/doc/oplatform/openApi/cloudbase-common/scf-management/api_invokecloudfunction): what this
// API calls may make Cloud Calls.
func TestWhichInvocationHasATicket(t *testing.T) {
	for source, want := range map[string]bool{
		"wx_client": true, "wx_http": true,
		"wx_client,scf": false, "scf": false, "wx_http,scf": false, "web_client": false, "wx_trigger": false, "wx_devtools": false, "": false,
	} {
		variables := map[string]string{"TCB_SOURCE": source, "WX_CONTEXT_KEYS": "WX_OPENID"}
		addTicket(variables)
		assert.Equal(t, want, variables[ticket] != "", source)
		assert.Equal(t, want, variables["WX_CONTEXT_KEYS"] == "WX_OPENID,WX_API_TOKEN", source)

		named := Call{Environment: map[string]string{"TCB_SOURCE": source, ticket: "x"}}
		if want {
			require.NoError(t, checkCaller(named), source)
			addTicket(named.Environment)
			assert.Equal(t, "x", named.Environment[ticket])
		} else {
			require.ErrorIs(t, checkCaller(named), errTicket, source)
			named.Forged = true
			require.NoError(t, checkCaller(named), "a test says that it is forged")
		}
	}
}

// A ticket that is set as a variable of the function is no invocation's.
func TestTicketOfAVariable(t *testing.T) {
	s := startSCF(t, Function{Env: map[string]string{ticket: "x"}})
	_, err := s.Invoke(t.Context(), Call{Payload: event(t, "context", ""), Environment: map[string]string{"TCB_SOURCE": "wx_client,scf"}})
	require.ErrorIs(t, err, errTicket)
	answer, err := s.Invoke(t.Context(), Call{Payload: event(t, "context", ""), Environment: map[string]string{"TCB_SOURCE": "wx_client"}})
	require.NoError(t, err)
	var got scfContext
	require.NoError(t, json.Unmarshal(answer.Payload, &got))
	assert.Equal(t, Ticket, got.Function.Environment[ticket], "the twin: a page's call has its own")
}

// WeChat, the same page on invokeCloudFunction: a function that it calls gets neither openid nor anything else of a user.
func TestInvokeCloudFunctionNamesNoUser(t *testing.T) {
	for _, name := range []string{"WX_OPENID", "WX_UNIONID", "WX_FROM_OPENID", "WX_FROM_UNIONID"} {
		call := Call{Environment: map[string]string{"TCB_SOURCE": "wx_http", name: "o1"}}
		require.ErrorIs(t, checkCaller(call), errUser, name)
		require.ErrorContains(t, checkCaller(call), name)
		call.Forged = true
		require.NoError(t, checkCaller(call), "a test says that it is forged")

		page := Call{Environment: map[string]string{"TCB_SOURCE": "wx_client", name: "o1"}}
		require.NoError(t, checkCaller(page), "the twin")
	}
	require.NoError(t, checkCaller(Call{Environment: map[string]string{"TCB_SOURCE": "wx_http", "WX_OPENID": "", "WX_APPID": "wx1"}}), "the twin")

	s := startSCF(t, Function{})
	_, err := s.Invoke(t.Context(), Call{Payload: []byte("{}"), Environment: map[string]string{"TCB_SOURCE": "wx_http", "WX_OPENID": "o1"}})
	require.ErrorIs(t, err, errUser)
}

// That it waits for five seconds is one of the rules in rules_scf_test.go.
func TestInvokeCloudFunctionBoundsTheFunctionsOwnTime(t *testing.T) {
	t.Parallel()
	s := startSCF(t, Function{Timeout: time.Minute})
	called := map[string]string{"TCB_SOURCE": "wx_http"}
	answer, err := s.Invoke(t.Context(), Call{Payload: event(t, "context", ""), Environment: called})
	require.NoError(t, err)
	require.Empty(t, answer.FunctionError, "the twin")
	var got scfContext
	require.NoError(t, json.Unmarshal(answer.Payload, &got))
	assert.Equal(t, 60_000, got.Function.TimeLimitInMs, "the function is not told")

	short := startSCF(t, Function{Timeout: time.Second})
	limit, _ := short.timeOf(Call{Environment: called})
	assert.Equal(t, time.Second, limit, "the function's own limit counts, too")
	limit, _ = s.timeOf(Call{Environment: map[string]string{"TCB_SOURCE": "wx_http,scf"}})
	assert.Equal(t, time.Minute, limit, "of a function that such a function calls, nothing is said")
}

func TestSCFTakesNoLargerEvents(t *testing.T) {
	of := func(size int) []byte { return []byte(`"` + strings.Repeat("x", size-2) + `"`) }
	for name, c := range map[string]struct {
		environment map[string]string
		limit       int
	}{
		"a page":   {map[string]string{"TCB_SOURCE": "wx_client"}, 100 << 10},
		"by SCF":   {nil, 6 << 20},
		"HTTP API": {map[string]string{"TCB_SOURCE": "wx_http"}, 100 << 10},
	} {
		require.NoError(t, checkCaller(Call{Payload: of(c.limit), Environment: c.environment}), name)
		require.ErrorIs(t, checkCaller(Call{Payload: of(c.limit + 1), Environment: c.environment}), errEventTooLarge, name)
	}
}
