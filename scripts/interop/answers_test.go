package interop

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// world has the sandboxes of all cases, each open once.
type world struct {
	cases     []testCase
	sandboxes map[place]hosted.Sandbox
}

func newWorld(t *testing.T) *world {
	t.Helper()
	need.CI(t)
	need.NodeModules(t, ".")
	w := &world{cases: cases(t), sandboxes: map[place]hosted.Sandbox{}}
	for _, c := range w.cases {
		w.open(t, c.place)
	}
	return w
}

func (w *world) open(t *testing.T, p place) hosted.Sandbox {
	t.Helper()
	if _, ok := w.sandboxes[p]; !ok {
		w.sandboxes[p] = p.open(t)
	}
	return w.sandboxes[p]
}

// environment leads a Cloud Call to the case's sandbox.
func (w *world) environment(c testCase) map[string]string {
	environment := gatewayAt(w.sandboxes[c.place].URL + "/admin")
	maps.Copy(environment, c.environment)
	return environment
}

// gatewayAt are the six variables that docs/sandbox.md names.
func gatewayAt(url string) map[string]string {
	return map[string]string{
		"TCB_CONTEXT_CNFG":       `{"URL":"` + url + `"}`,
		"SCF_NAMESPACE":          "local",
		"TENCENTCLOUD_SECRETID":  secretID,
		"TENCENTCLOUD_SECRETKEY": secretKey,
		"WX_CONTEXT_KEYS":        "WX_API_TOKEN",
		"WX_API_TOKEN":           sandbox.DefaultTicket,
	}
}

func (w *world) ask(t *testing.T, sdk, example string) []answered {
	t.Helper()
	var questions []asked
	for _, c := range w.cases {
		questions = append(questions, asked{Environment: w.environment(c), Question: c.question})
	}
	return ask(t, sdk, example, questions)
}

var rid = regexp.MustCompile(`rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}`)

// anyRID makes texts comparable that differ in their rid.
func anyRID(text string) string { return rid.ReplaceAllString(text, "rid: …") }

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// TestDocumentedExampleRunsAgainstTheSandbox runs the example of WeChat's
// documentation, unmodified, in both its forms, with each version of the SDK.
func TestDocumentedExampleRunsAgainstTheSandbox(t *testing.T) {
	w := newWorld(t)
	for _, sdk := range versions {
		for _, example := range []string{seedExample, todayExample} {
			t.Run(sdk+"/"+example, func(t *testing.T) {
				for i, got := range w.ask(t, sdk, example) {
					c := w.cases[i]
					want := c.newest
					if sdk != newest && c.older != "" {
						want = c.older
					}
					assert.Equal(t, want, anyRID(got.Answer), c.name)
					assert.Equal(t, want[:len(`{"isOk"`)] != `{"isOk"`, got.Thrown, c.name)
				}
			})
		}
	}
}

// ours are the ways in which our function asks.
type ours map[string]func(t *testing.T, c testCase, event []byte) string

// functions hosts the function as it is deployed: with WeChat's HTTPS API on
// Lambda, once for each sandbox, and with Cloud Calls on SCF, where the variables
// of the gateway come with each invocation.
func (w *world) functions(t *testing.T) ours {
	t.Helper()
	// Where WeChat is late, the limit is what ends a call.
	limit := func(p place) time.Duration {
		if p == late {
			return 3 * time.Second
		}
		return hosted.Ample
	}
	invokeHTTPS := map[place]func(t *testing.T, event []byte) string{}
	for p, s := range w.sandboxes {
		runtime := hosted.Lambda(t, "verify", s.Variables(), limit(p), new(hosted.Log))
		invokeHTTPS[p] = func(t *testing.T, event []byte) string { return hosted.Invoke(t, runtime, event, nil) }
	}
	invokeCloud := map[bool]emulator.Runtime{}
	for _, p := range []place{sound, late} {
		invokeCloud[p == late] = hosted.SCF(t, "verify", map[string]string{"SOTER_VERIFIER": "cloudcall"}, limit(p), new(hosted.Log))
	}
	return ours{
		"wechat": func(t *testing.T, c testCase, event []byte) string {
			if c.cloudCallOnly {
				t.Skip("cannot happen")
			}
			return invokeHTTPS[c.place](t, event)
		},
		"cloudcall": func(t *testing.T, c testCase, event []byte) string {
			environment := w.environment(c)
			if environment["TCB_SOURCE"] == "" { // a backend asks, by WeChat's invokeCloudFunction: it brings a ticket
				environment["TCB_SOURCE"] = "wx_http"
			}
			return hosted.Invoke(t, invokeCloud[c.place == late], event, environment)
		},
	}
}

// TestOurFunctionAnswersAsTheSDKDoes asks our function, with either verifier,
// what the newest SDK was asked, and compares field by field.
func TestOurFunctionAnswersAsTheSDKDoes(t *testing.T) {
	w := newWorld(t)
	theirs := w.ask(t, newest, seedExample)
	for verifier, invoke := range w.functions(t) {
		t.Run(verifier, func(t *testing.T) {
			for i, c := range w.cases {
				t.Run(c.name, func(t *testing.T) {
					compare(t, theirs[i], invoke(t, c, hosted.JSON(t, c.question)))
				})
			}
		})
	}
}

// compare knows of two differences that are meant: our failures say isOk false,
// and when the platform refuses, our errMsg has the prefix, the text and the
// advice that the SDK's lacks.
func compare(t *testing.T, theirs answered, ours string) {
	t.Helper()
	if !theirs.Thrown {
		assert.Equal(t, theirs.Answer, ours)
		return
	}
	var thrown struct {
		ErrCode int    `json:"errCode"`
		ErrMsg  string `json:"errMsg"`
	}
	require.NoError(t, json.Unmarshal([]byte(theirs.Answer), &thrown, json.RejectUnknownMembers(true)))
	var failure struct {
		IsOK    *bool  `json:"isOk"`
		ErrMsg  string `json:"errMsg"`
		ErrCode int    `json:"errCode"`
	}
	require.NoError(t, json.Unmarshal([]byte(ours), &failure, json.RejectUnknownMembers(true)))
	require.NotNil(t, failure.IsOK)
	assert.False(t, *failure.IsOK)
	assert.Equal(t, thrown.ErrCode, failure.ErrCode)
	switch thrown.ErrCode {
	case openapi.CodeNoPermission, openapi.CodeTimeout, openapi.CodeSystem, openapi.CodeIllegalSource:
		assert.Equal(t, fmt.Sprintf("system error: error code: %d", thrown.ErrCode), thrown.ErrMsg)
		prefix := fmt.Sprintf("openapi.soter.verifySignature:fail %d %s. ", thrown.ErrCode, tableText(t, theirs))
		assert.Regexp(t, "^"+regexp.QuoteMeta(prefix)+".+$", failure.ErrMsg)
	case codeOfUnknown: // advice of ours follows
		assert.Regexp(t, "^"+regexp.QuoteMeta(thrown.ErrMsg)+`( \(.+\))?$`, failure.ErrMsg)
	default:
		assert.Equal(t, anyRID(thrown.ErrMsg), anyRID(failure.ErrMsg))
	}
}

// codeOfUnknown is what the SDK makes of a gateway's code that it does not know.
const codeOfUnknown = -501001

var messageForm = regexp.MustCompile(`^errCode: -?\d+ (.*) \| errMsg: `)

// tableText is the SDK's own text for the code of what it threw.
func tableText(t *testing.T, thrown answered) string {
	t.Helper()
	found := messageForm.FindStringSubmatch(thrown.Message)
	require.NotNil(t, found, thrown.Message)
	return found[1]
}

// TestWhereTheSDKSaysNothingOurFunctionRefuses has the answers to which the SDK
// resolves with errCode 0 and no isOk: a caller who looks at errCode alone takes
// them for genuine.
func TestWhereTheSDKSaysNothingOurFunctionRefuses(t *testing.T) {
	w := newWorld(t)
	w.open(t, mute)
	c := testCase{place: mute, question: w.cases[0].question}
	for _, sdk := range versions {
		got := ask(t, sdk, seedExample, []asked{{Environment: w.environment(c), Question: c.question}})[0]
		assert.False(t, got.Thrown)
		assert.Contains(t, got.Answer, `"errCode":0`)
		assert.NotContains(t, got.Answer, "isOk")
	}
	for verifier, invoke := range w.functions(t) {
		assert.Contains(t, invoke(t, c, hosted.JSON(t, c.question)),
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. `, verifier)
	}
}
