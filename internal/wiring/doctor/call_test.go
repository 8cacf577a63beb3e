package doctor_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/adapter"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/function"
	"sotercall/internal/test/hosted"
	"sotercall/internal/wiring/deployed"
	"sotercall/internal/wiring/doctor"
)

// checked has a deployed function check itself.
func checked(t *testing.T, build function.Builder, variables map[string]string, on adapter.Invocation) (answer struct {
	Good    bool          `json:"good"`
	Version string        `json:"version"`
	Lines   []doctor.Line `json:"lines"`
	ErrCode int           `json:"errCode"`
	ErrMsg  string        `json:"errMsg"`
	IsOK    *bool         `json:"isOk"`
}) {
	t.Helper()
	h := function.New("tested", func(_ map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
		return build(variables, log, level)
	}, new(hosted.Log))
	text, err := h.Invoke(t.Context(), on, []byte(`{"call":"check"}`))
	require.NoError(t, err)
	assert.NotContains(t, string(text), sandbox.DefaultAppSecret)
	require.NoError(t, json.Unmarshal(text, &answer), "%s", text)
	return answer
}

func TestOperatorsCheckADeployedFunction(t *testing.T) {
	p := newPatient(t)
	backend := adapter.Invocation{Platform: adapter.Lambda, Authorized: true}
	for name, build := range map[string]function.Builder{"verify": deployed.Stores().Verify, "token": deployed.Stores().Token, "service": deployed.Stores().Service} {
		variables := hosted.With(p.variables, nil)
		if name == "token" {
			delete(variables, "CHALLENGE_SECRET")
		}
		answer := checked(t, build, variables, backend)
		assert.True(t, answer.Good, "%s: %+v", name, answer)
		assert.Equal(t, "check:ok", answer.ErrMsg)
		assert.NotEmpty(t, answer.Version)
		assert.Equal(t, doctor.OK, line(t, doctor.Report{Lines: answer.Lines}, ": token").Status)
		verifies := slices.ContainsFunc(answer.Lines, func(l doctor.Line) bool { return l.Name == "app: permission" && l.Status == doctor.OK })
		assert.Equal(t, name != "token", verifies, "%s: %+v", name, answer)

		variables["WECHAT_APPSECRET"] = wrongSecret
		answer = checked(t, build, variables, backend)
		assert.False(t, answer.Good, name)
		assert.Zero(t, answer.ErrCode, name)
		failed(t, doctor.Report{Lines: answer.Lines}, ": token", "40125", "compare WECHAT_APPSECRET")
	}
}

// Whoever is not known as a backend learns nothing, and costs nothing.
func TestOthersMayNotCheck(t *testing.T) {
	p := newPatient(t)
	for name, on := range map[string]adapter.Invocation{
		"a user":              {Platform: adapter.SCF, Authorized: true, Environment: hosted.PageCaller("oUser")},
		"nobody known":        {Platform: adapter.HTTP},
		"a visitor from afar": {Platform: adapter.SCF, Authorized: true, CloudBase: true},
	} {
		answer := checked(t, deployed.Stores().Verify, p.variables, on)
		assert.NotZero(t, answer.ErrCode, name)
		assert.Empty(t, answer.Lines, name)
	}
	assert.Zero(t, p.Requests(stablePath))
}

// The platform's own token comes with an invocation, or as a file.
func TestTokenOfThePlatform(t *testing.T) {
	p := newPatient(t)
	p.variables = map[string]string{"ACCESS_TOKEN_MODE": "cloudbase", "WECHAT_API_BASE": p.URL}
	assert.Equal(t, doctor.Skipped, line(t, p.check(t), "permission").Status)
	on := adapter.Invocation{Platform: adapter.SCF, Authorized: true, Environment: map[string]string{"TCB_SOURCE": "scf"}}
	report := doctor.Report{Lines: checked(t, deployed.Stores().Verify, p.variables, on).Lines}
	failed(t, report, "permission", "the platform gave no cloudbase_access_token", "")
	on.Environment["WX_CLOUDBASE_ACCESSTOKEN"] = p.CloudbaseAccessToken()
	assert.True(t, doctor.Report{Lines: checked(t, deployed.Stores().Verify, p.variables, on).Lines}.Good())
}

// Keys of our own judge without WeChat.
func TestKeysOfOurOwn(t *testing.T) {
	p := newPatient(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	p.variables = map[string]string{"SOTER_VERIFIER": "local", "AUTHKEYS_FILE": file}
	failed(t, p.check(t), "permission", "the AuthKeys could not be read", "")
	require.NoError(t, os.WriteFile(file, []byte(`{"authKeys":[]}`), 0o600))
	report := p.check(t)
	assert.True(t, report.Good(), "%+v", report.Lines)
	assert.Len(t, report.Lines, 2, "no host is asked: %+v", report.Lines)
}

// A Cloud Call needs the ticket of an invocation.
func TestTicketOfACloudCall(t *testing.T) {
	p := newPatient(t)
	p.variables = map[string]string{"SOTER_VERIFIER": "cloudcall"}
	l := line(t, p.check(t), "permission")
	assert.Equal(t, doctor.Skipped, l.Status, "a person has none")
	assert.Contains(t, l.Do, `{"call":"check"}`)

	on := adapter.Invocation{Platform: adapter.SCF, Authorized: true, Environment: map[string]string{
		"TCB_SOURCE": "wx_http", "TCB_CONTEXT_CNFG": `{"URL":"` + p.URL + `/admin"}`,
		"TENCENTCLOUD_SECRETID": "any", "TENCENTCLOUD_SECRETKEY": "any",
	}}
	report := doctor.Report{Lines: checked(t, deployed.Stores().Verify, p.variables, on).Lines}
	failed(t, report, "permission", "has no WX_API_TOKEN", "let the page call verify itself")

	on.Environment["WX_API_TOKEN"] = sandbox.DefaultTicket
	require.NoError(t, p.Inject(sandbox.Fault{Path: verifyPath, Kind: sandbox.FaultErrCode, ErrCode: 40003}))
	report = doctor.Report{Lines: checked(t, deployed.Stores().Verify, p.variables, on).Lines}
	assert.True(t, report.Good(), "%+v", report)
	assert.Contains(t, line(t, report, "permission").Text, "the gateway of Cloud Calls answers 40003")
}
