package interop

import (
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/documented"
	"sotercall/internal/test/hosted"
	"sotercall/internal/test/need"
)

// behindProxy leads clients to the sandbox that have the platform's hosts built
// in: inside a cloud function they speak plain HTTP, and the library under them
// heeds http_proxy.
func behindProxy(url string) map[string]string {
	environment := gatewayAt(url + "/admin")
	delete(environment, "TCB_CONTEXT_CNFG")
	maps.Copy(environment, map[string]string{"TENCENTCLOUD_RUNENV": "SCF", "http_proxy": url})
	return environment
}

// TestOldVersionsAreServedThroughAProxy: 0.4.3, 1.8.3 and 2.0.4 have no variable
// for the gateway's address. Their signatures are checked as they make them,
// SHA-1 in a field of the form or TC3.
func TestOldVersionsAreServedThroughAProxy(t *testing.T) {
	need.NodeModules(t, ".")
	s := sound.open(t)
	signed := hosted.Sample(t)
	genuine := question{OpenID: &signed.OpenID, JSONString: &signed.JSONString, JSONSignature: &signed.JSONSignature}
	tampered := genuine
	other := strings.Replace(signed.JSONString, "demo", "dem0", 1)
	tampered.JSONString = &other
	spoilt := func(name string) map[string]string {
		environment := behindProxy(s.URL)
		environment[name] = "interop-other"
		return environment
	}
	for _, sdk := range []string{"wx-server-sdk-0.4.3", "wx-server-sdk-1.8.3", "wx-server-sdk-2.0.4"} {
		t.Run(sdk, func(t *testing.T) {
			before := s.Requests("/admin")
			answers := ask(t, sdk, seedExample, []asked{
				{Environment: behindProxy(s.URL), Question: genuine},
				{Environment: behindProxy(s.URL), Question: tampered},
				{Environment: spoilt("TENCENTCLOUD_SECRETKEY"), Question: genuine},
				{Environment: spoilt("TENCENTCLOUD_SECRETID"), Question: genuine},
			})
			require.Equal(t, 4, s.Requests("/admin")-before, answers)
			for i, want := range []string{
				`"isOk":true`, `"isOk":false`, `signature error`, `secret id error`,
			} {
				assert.Contains(t, answers[i].Answer, want)
			}
		})
	}
}

// TestWxAPI asks by the older ways, whose action is wx.api: cloud.callOpenAPI,
// and callWxOpenApi of the libraries below it.
func TestWxAPI(t *testing.T) {
	need.NodeModules(t, ".")
	s, closed := sound.open(t), forbidding.open(t)
	signed := hosted.Sample(t)
	genuine := question{OpenID: &signed.OpenID, JSONString: &signed.JSONString, JSONSignature: &signed.JSONSignature}
	other := signed.JSONString + " "
	tampered, incomplete := genuine, genuine
	tampered.JSONString, incomplete.OpenID = &other, nil
	byVariable := func(url string) map[string]string { return gatewayAt(url + "/admin") }
	// 2.1.1 looks only at the variables that this one lists.
	byList := func(url string) map[string]string {
		environment := byVariable(url)
		environment["TCB_CONTEXT_KEYS"] = "TCB_CONTEXT_CNFG"
		return environment
	}
	for _, client := range []struct {
		name, example string
		to            func(url string) map[string]string
	}{
		{"wx-server-sdk-0.4.3", callOpenAPI, behindProxy},
		{"wx-server-sdk-1.8.3", callOpenAPI, behindProxy},
		{"wx-server-sdk-2.0.4", callOpenAPI, behindProxy},
		{"wx-server-sdk-2.3.3", callOpenAPI, byVariable},
		{"wx-server-sdk-2.7.2", callOpenAPI, byVariable},
		{"wx-server-sdk-3.0.4", callOpenAPI, byVariable},
		{"wx-server-sdk-4.0.2", callOpenAPI, byVariable},
		{"node-sdk-2.1.1", callWxAPI, byList},
		{"node-sdk-3.18.3", callWxAPI, byVariable},
		{"tcb-admin-node-1.23.0", callWxAPI, behindProxy},
	} {
		t.Run(client.name, func(t *testing.T) {
			unsigned := client.to(s.URL)
			unsigned["TENCENTCLOUD_SECRETKEY"] = "interop-other"
			answers := ask(t, client.name, client.example, []asked{
				{Environment: client.to(s.URL), Question: genuine},
				{Environment: client.to(s.URL), Question: tampered},
				{Environment: client.to(s.URL), Question: incomplete},
				{Environment: client.to(closed.URL), Question: genuine},
				{Environment: unsigned, Question: genuine},
			})
			for i, want := range []string{
				`{"errcode":0,"errmsg":"ok","is_ok":true}`,
				`{"errcode":0,"errmsg":"ok","is_ok":false}`,
				`parameter.openid is missing`,
				`"errcode":-604101`,
				`signature error`,
			} {
				assert.Contains(t, answers[i].Answer+answers[i].Message, want, i)
			}
		})
	}
}

// TestWhyNamespace: without SCF_NAMESPACE the example as it stands today does not
// leave the SDK in many versions, and that of the seed does.
func TestWhyNamespace(t *testing.T) {
	need.NodeModules(t, ".")
	s := sound.open(t)
	signed := hosted.Sample(t)
	environment := gatewayAt(s.URL + "/admin")
	delete(environment, "SCF_NAMESPACE")
	genuine := []asked{{Environment: environment, Question: question{
		OpenID: &signed.OpenID, JSONString: &signed.JSONString, JSONSignature: &signed.JSONSignature}}}
	for _, sdk := range versions {
		assert.Equal(t, verified, ask(t, sdk, seedExample, genuine)[0].Answer, sdk)
		today := ask(t, sdk, todayExample, genuine)[0].Answer
		if sdk == newest {
			assert.Equal(t, verified, today, sdk)
			continue
		}
		assert.Contains(t, today, `"errCode":-501007`, sdk)
	}
}

// TestDocumentedVariables asks with the variables of docs/sandbox.md, as they
// stand there.
func TestDocumentedVariables(t *testing.T) {
	need.NodeModules(t, ".")
	s := hosted.NewSandbox(t, sandbox.Options{})
	s.URL = hosted.Serve(t, s.Sandbox) // as go run ./scripts/local serves it
	environment := map[string]string{}
	for _, line := range documented.Commands(t) {
		for _, variable := range regexp.MustCompile(`(\w+)=('[^']*'|\S+)`).FindAllStringSubmatch(line, -1) {
			environment[variable[1]] = strings.ReplaceAll(strings.Trim(variable[2], "'"), "http://127.0.0.1:9000", s.URL)
		}
	}
	require.Len(t, environment, 6)
	signed := hosted.Sample(t)
	genuine := []asked{{Environment: environment, Question: question{
		OpenID: &signed.OpenID, JSONString: &signed.JSONString, JSONSignature: &signed.JSONSignature}}}
	for _, sdk := range versions {
		assert.Equal(t, verified, ask(t, sdk, todayExample, genuine)[0].Answer, sdk)
	}
}
