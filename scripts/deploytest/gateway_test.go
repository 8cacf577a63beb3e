package deploytest

import (
	"bytes"
	"context"
	"encoding/base64"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	scf "github.com/tencentyun/scf-go-lib/events"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/trigger"
)

// client is what reaches the one who asked, once the gateway has unwrapped the
// function's answer.
type client struct {
	status int
	header map[string]string
	body   string
}

// gateways unwrap an answer by the rules of each source, and refuse what the real
// one answers with 502, or 403 on Tencent's side: members it does not know, a
// value of another type. Sources: the response types of aws-lambda-go and
// scf-go-lib; API Gateway guide, "Output format of a Lambda function for proxy
// integration"; Elastic Load Balancing guide, "Use Lambda functions as targets";
// Tencent Cloud documents 583/12513 and 583/96099.
var gateways = map[*trigger.Source]func(t *testing.T, answer []byte, event object) client{
	trigger.HTTPAPIv2: func(t *testing.T, answer []byte, _ object) client {
		var r events.APIGatewayV2HTTPResponse
		strictly(t, answer, &r)
		assert.Empty(t, r.MultiValueHeaders, "format 2.0 has none")
		return unwrapped(t, r.StatusCode, r.Headers, r.Body, r.IsBase64Encoded)
	},
	trigger.FunctionURL: func(t *testing.T, answer []byte, _ object) client {
		var r events.LambdaFunctionURLResponse
		strictly(t, answer, &r)
		return unwrapped(t, r.StatusCode, r.Headers, r.Body, r.IsBase64Encoded)
	},
	trigger.RESTv1:    payload1,
	trigger.HTTPAPIv1: payload1,
	trigger.ALB: func(t *testing.T, answer []byte, event object) client {
		var r events.ALBTargetGroupResponse
		strictly(t, answer, &r)
		assert.Equal(t, fmt.Sprint(r.StatusCode, " ", http.StatusText(r.StatusCode)), r.StatusDescription)
		assert.Less(t, len(answer), 1<<20, "a load balancer takes 1 MB")
		if _, multi := event["multiValueHeaders"]; multi {
			assert.Empty(t, r.Headers, "it reads only the other kind")
			return unwrapped(t, r.StatusCode, first(r.MultiValueHeaders), r.Body, r.IsBase64Encoded)
		}
		assert.Empty(t, r.MultiValueHeaders, "it reads only the other kind")
		return unwrapped(t, r.StatusCode, r.Headers, r.Body, r.IsBase64Encoded)
	},
	trigger.SCFURL:        tencent,
	trigger.SCFAPIGateway: tencent,
	trigger.CloudBaseHTTP: tencent,
}

func payload1(t *testing.T, answer []byte, _ object) client {
	t.Helper()
	var r events.APIGatewayProxyResponse
	strictly(t, answer, &r)
	header := maps.Clone(r.Headers)
	maps.Copy(header, first(r.MultiValueHeaders))
	return unwrapped(t, r.StatusCode, header, r.Body, r.IsBase64Encoded)
}

func tencent(t *testing.T, answer []byte, _ object) client {
	t.Helper()
	var members object
	require.NoError(t, json.Unmarshal(answer, &members))
	assert.ElementsMatch(t, []string{"isBase64Encoded", "statusCode", "headers", "body"}, slices.Collect(maps.Keys(members)))
	var r scf.APIGatewayResponse
	strictly(t, answer, &r)
	return unwrapped(t, r.StatusCode, r.Headers, r.Body, r.IsBase64Encoded)
}

func first(header map[string][]string) map[string]string {
	single := map[string]string{}
	for name, values := range header {
		single[name] = values[0]
	}
	return single
}

func unwrapped(t *testing.T, status int, header map[string]string, body string, encoded bool) client {
	t.Helper()
	assert.Truef(t, 200 <= status && status <= 599, "status %d", status)
	for name, value := range header {
		assert.Regexp(t, "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", name, "no token (RFC 9110)")
		assert.NotRegexp(t, "[\\x00-\\x08\\x0a-\\x1f\\x7f]", value, "a header value ends there: %s", name)
		assert.NotContains(t, []string{"Content-Length", "Transfer-Encoding", "Connection", "Date"}, name, "the gateway's own")
	}
	if encoded {
		decoded, err := base64.StdEncoding.DecodeString(body)
		require.NoError(t, err)
		body = string(decoded)
	}
	return client{status, header, body}
}

// strictly decodes as the gateways do: no member may be unknown.
func strictly(t *testing.T, answer []byte, v any) {
	t.Helper()
	decoder := stdjson.NewDecoder(bytes.NewReader(answer))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(v), "%s", answer)
}

// says answers every question with one verdict, or one error.
type says struct {
	verdict openapi.Verdict
	err     error
}

func (s says) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return s.verdict, s.err
}

// outcomes are all that can come of a well-put question, and what the client of
// each spelling gets.
var outcomes = map[string]struct {
	verifier     openapi.Verifier
	gate         openapi.Gate
	status       int
	cloudCall    string
	httpsCall    string
	authenticate string // of the camelCase sources
}{
	"verified": {
		verifier: says{verdict: openapi.Genuine()}, gate: function.Platform, status: 200,
		cloudCall: `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`,
		httpsCall: `{"errcode":0,"errmsg":"ok","is_ok":true}`,
	},
	"signature is wrong": {
		verifier: says{verdict: openapi.Wrong("test")}, gate: function.Platform, status: 200,
		cloudCall: `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`,
		httpsCall: `{"errcode":0,"errmsg":"ok","is_ok":false}`,
	},
	"WeChat refuses, in Chinese and with an emoji": {
		verifier: says{err: openapi.Upstream(40003, "无效 openid 🙂 <&> rid: 1-2-3")}, gate: function.Platform, status: 400,
		cloudCall: `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail 无效 openid 🙂 <&> rid: 1-2-3","errCode":40003}`,
		httpsCall: `{"errcode":40003,"errmsg":"无效 openid 🙂 <&> rid: 1-2-3"}`,
	},
	"WeChat fails": {
		verifier: says{err: openapi.NewError(openapi.CodeSystem, "WeChat failed", nil)}, gate: function.Platform, status: 502,
		cloudCall: `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. WeChat failed","errCode":-604103}`,
		httpsCall: `{"errcode":-604103,"errmsg":"-604103 call open API system error. WeChat failed"}`,
	},
	"no time left": {
		verifier: says{err: fmt.Errorf("asking: %w", context.DeadlineExceeded)}, gate: function.Platform, status: 504,
		cloudCall: `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604102 call open API timeout. the time for this invocation is used up","errCode":-604102}`,
		httpsCall: `{"errcode":-604102,"errmsg":"-604102 call open API timeout. the time for this invocation is used up"}`,
	},
	"an error that nobody has worded": {
		verifier: says{err: errors.New("with a secret inside")}, gate: function.Platform, status: 502,
		cloudCall: `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. internal error, the log of the function says more","errCode":-604103}`,
		httpsCall: `{"errcode":-604103,"errmsg":"-604103 call open API system error. internal error, the log of the function says more"}`,
	},
	"a source without a key": {
		verifier: says{verdict: openapi.Genuine()}, status: 401, authenticate: "Bearer",
		gate: func(*http.Request) (openapi.Caller, *openapi.Error) {
			return openapi.Caller{}, openapi.NewError(openapi.CodeNoPermission, "no", nil).WithStatus(http.StatusUnauthorized)
		},
		cloudCall: `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604101 function has no permission to call this API. no","errCode":-604101}`,
		httpsCall: `{"errcode":0,"errmsg":"ok","is_ok":true}`, // its key is the access_token
	},
}

// TestEveryGatewayDeliversTheSame asks through every HTTP source, and compares
// what a client gets behind it.
func TestEveryGatewayDeliversTheSame(t *testing.T) {
	files, err := filepath.Glob("events/*.json")
	require.NoError(t, err)
	seen := map[*trigger.Source]bool{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		content = bytes.ReplaceAll(content, []byte(sandbox.EventToken), []byte("GOOD_TOKEN"))
		source := trigger.Read(content).Source
		if !source.IsHTTP() || strings.HasSuffix(file, "-get.json") {
			continue
		}
		require.NotNil(t, gateways[source], "gateways lacks what unwraps the response of %s", source)
		seen[source] = true
		var event object
		require.NoError(t, json.Unmarshal(content, &event))
		for name, want := range outcomes {
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				got := gateways[source](t, invoke(t, verify(want.verifier, want.gate), content), event)
				status, body, authenticate := want.status, want.cloudCall, want.authenticate
				if strings.Contains(file, "https-call") {
					status, body, authenticate = 200, want.httpsCall, "" // always 200, as at WeChat
				}
				assert.Equal(t, status, got.status)
				assert.Equal(t, body, got.body)
				assert.Equal(t, "application/json; charset=utf-8", got.header["Content-Type"])
				assert.Equal(t, "no-store", got.header["Cache-Control"])
				assert.Equal(t, authenticate, got.header["Www-Authenticate"])
			})
		}
	}
	for source := range gateways {
		assert.True(t, seen[source], "no event of %s", source)
	}
}

// TestEveryGatewayDeliversRefusals sends what is broken before a question is
// reached.
func TestEveryGatewayDeliversRefusals(t *testing.T) {
	f := verify(says{verdict: openapi.Genuine()}, function.Platform)
	for source, unwrap := range gateways {
		for name, change := range map[string]func(object){
			"a body that something has parsed": func(e object) { e["body"] = object{} },
			"headers that are no object":       func(e object) { delete(e, "multiValueHeaders"); e["headers"] = "x" },
		} {
			event := eventOf(t, source)
			change(event)
			content, err := json.Marshal(event)
			require.NoError(t, err)
			require.Equal(t, source, trigger.Read(content).Source, name)
			got := unwrap(t, invoke(t, f, content), event)
			assert.Equal(t, 400, got.status, "%s: %s", source, name)
			assert.Contains(t, got.body, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -501007`, "%s: %s", source, name)
		}
	}
}

// eventOf is a camelCase event of a source.
func eventOf(t *testing.T, source *trigger.Source) (event object) {
	t.Helper()
	files, err := filepath.Glob("events/*.json")
	require.NoError(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if trigger.Read(content).Source == source && !strings.Contains(file, "https-call") {
			require.NoError(t, json.Unmarshal(content, &event))
			return event
		}
	}
	t.Fatalf("no event of %s", source)
	return nil
}

// TestOtherSourcesGetTheAnswerItself: whoever invokes the function directly reads
// the object as it stands, with its members in wx-server-sdk's order.
func TestOtherSourcesGetTheAnswerItself(t *testing.T) {
	for name, want := range outcomes {
		if want.authenticate != "" {
			continue // the gate stands before HTTP sources only
		}
		for _, file := range []string{"direct.json", "miniprogram.json"} {
			content, err := os.ReadFile(filepath.Join("events", file))
			require.NoError(t, err)
			assert.Equal(t, want.cloudCall, string(invoke(t, verify(want.verifier, want.gate), content)), "%s: %s", file, name)
		}
	}
}
