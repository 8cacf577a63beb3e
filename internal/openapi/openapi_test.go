package openapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/openapi"
)

// judge is a Verifier that answers what it is told and remembers the question.
type judge struct {
	verdict openapi.Verdict
	err     error
	asked   []openapi.Request
}

func (j *judge) Verify(_ context.Context, r openapi.Request) (openapi.Verdict, error) {
	j.asked = append(j.asked, r)
	return j.verdict, j.err
}

const (
	cloudCall = `{"openid":"oUser","jsonString":"{\"raw\":\"c\"}","jsonSignature":"` + signature + `"}`
	httpsCall = `{"openid":"oUser","json_string":"{\"raw\":\"c\"}","json_signature":"` + signature + `"}`

	// signature has the form of a phone's.
	signature = sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen +
		sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + sixteen + "c2ln/+=="
	sixteen = "MDEyMzQ1Njc4OWFi"
)

// backend is a context in which the developer's own backend calls.
func backend(t testing.TB) context.Context {
	return openapi.WithCaller(t.Context(), openapi.Backend())
}

var question = openapi.Request{OpenID: "oUser", JSONString: `{"raw":"c"}`, JSONSignature: signature}

func TestThreeOutcomesInBothSpellings(t *testing.T) {
	for _, c := range []struct {
		name    string
		judge   judge
		cloud   string
		https   string
		status  int
		genuine bool
	}{
		{"genuine", judge{verdict: openapi.Genuine()},
			`{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`,
			`{"errcode":0,"errmsg":"ok","is_ok":true}`, 200, true},
		{"wrong", judge{verdict: openapi.Wrong("forged")},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`,
			`{"errcode":0,"errmsg":"ok","is_ok":false}`, 200, false},
		{"WeChat's own error", judge{err: openapi.Upstream(45009, "reach max api daily quota limit rid: 1-2-3")},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail reach max api daily quota limit rid: 1-2-3","errCode":45009}`,
			`{"errcode":45009,"errmsg":"reach max api daily quota limit rid: 1-2-3"}`, 502, false},
		{"openid of nobody", judge{err: openapi.Upstream(40003, "invalid openid")},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail invalid openid","errCode":40003}`,
			`{"errcode":40003,"errmsg":"invalid openid"}`, 400, false},
		{"our own error, wrapped", judge{err: fmt.Errorf("verify: %w", openapi.NewError(openapi.CodeSystem, "no answer.", nil))},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. no answer.","errCode":-604103}`,
			`{"errcode":-604103,"errmsg":"-604103 call open API system error. no answer."}`, 502, false},
		{"no time left", judge{err: fmt.Errorf("waiting: %w", context.DeadlineExceeded)},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604102 call open API timeout. the time for this invocation is used up","errCode":-604102}`,
			`{"errcode":-604102,"errmsg":"-604102 call open API timeout. the time for this invocation is used up"}`, 504, false},
		{"an error that is nobody's to read", judge{err: errors.New("dial tcp 10.0.0.1: secret detail")},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. internal error, the log of the function says more","errCode":-604103}`,
			`{"errcode":-604103,"errmsg":"-604103 call open API system error. internal error, the log of the function says more"}`, 502, false},
		{"an error beside a genuine verdict", judge{verdict: openapi.Genuine(), err: errors.New("half done")},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. internal error, the log of the function says more","errCode":-604103}`,
			`{"errcode":-604103,"errmsg":"-604103 call open API system error. internal error, the log of the function says more"}`, 502, false},
		{"an Error without a code", judge{verdict: openapi.Genuine(), err: &openapi.Error{}},
			`{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail -604103 call open API system error. internal error, the log of the function says more","errCode":-604103}`,
			`{"errcode":-604103,"errmsg":"-604103 call open API system error. internal error, the log of the function says more"}`, 502, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			handler := &openapi.VerifySignature{Verifier: &c.judge}
			a := handler.CloudCall(backend(t), []byte(cloudCall))
			assert.Equal(t, c.cloud, string(a.CloudCall()))
			assert.Equal(t, c.genuine, a.IsOK())
			if a.Err == nil {
				assert.Equal(t, 200, c.status)
			} else {
				assert.Equal(t, c.status, a.Err.Status())
			}
			assert.Equal(t, c.https, string(handler.HTTPSCall(backend(t), []byte(httpsCall)).HTTPSCall()))
			assert.Equal(t, []openapi.Request{question, question}, c.judge.asked)
		})
	}
}

func TestMistakesAreNamed(t *testing.T) {
	genuine := judge{verdict: openapi.Genuine()}
	handler := &openapi.VerifySignature{Verifier: &genuine}
	require.True(t, handler.CloudCall(backend(t), []byte(cloudCall)).IsOK(), "the twin that passes")

	long := "{" + strings.Repeat("x", openapi.MaxJSONString-1)
	for _, c := range []struct{ name, body, says string }{
		{"nothing", ``, "no request was found"},
		{"blanks", " \n", "no request was found"},
		{"null", `null`, "not null"},
		{"an array", `[1]`, "not an array"},
		{"a string", `"x"`, "not a string"},
		{"no JSON", `openid=oUser&jsonString=x`, "not valid JSON, at byte 0"},
		{"cut off", cloudCall[:40], "not valid JSON, at byte"},
		{"text after it", cloudCall + `{}`, "not valid JSON, at byte"},
		{"too long", `{"a":"` + strings.Repeat("x", openapi.MaxBody) + `"}`, "at most 65536 are read"},
		{"bad UTF-8", strings.Replace(cloudCall, "raw", "r\xffw", 1), "not valid UTF-8"},
		{"lone surrogate", strings.Replace(cloudCall, "raw", `r\ud800w`, 1), "surrogate"},
		{"openid twice", strings.Replace(cloudCall, `"openid"`, `"openid":"oOther","openid"`, 1), "parameter.openid is duplicated"},
		{"jsonString twice", strings.Replace(cloudCall, `"jsonString"`, `"jsonString":"{}","jsonString"`, 1), "parameter.jsonString is duplicated"},
		{"another name twice", strings.Replace(cloudCall, `"openid"`, `"a":1,"a":1,"openid"`, 1), "a name is duplicated"},
		{"no openid", strings.Replace(cloudCall, `"openid":"oUser",`, ``, 1), "parameter.openid is missing"},
		{"openid null", strings.Replace(cloudCall, `"oUser"`, `null`, 1), "parameter.openid is missing"},
		{"openid a number", strings.Replace(cloudCall, `"oUser"`, `7`, 1), "parameter.openid must be a string, not a number"},
		{"openid an object", strings.Replace(cloudCall, `"oUser"`, `{}`, 1), "parameter.openid must be a string, not an object"},
		{"openid too long", strings.Replace(cloudCall, `oUser`, strings.Repeat("o", 129), 1), "parameter.openid has 129 bytes"},
		{"other case", strings.Replace(cloudCall, `jsonString`, `JsonString`, 1), "parameter.jsonString is missing"},
		{"no jsonString", strings.Replace(cloudCall, `"jsonString":"{\"raw\":\"c\"}",`, ``, 1), "parameter.jsonString is missing"},
		{"jsonString empty", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `""`, 1), "parameter.jsonString is missing"},
		{"jsonString an object", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `{"raw":"c"}`, 1), "parameter.jsonString is an object"},
		{"jsonString an array", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `[]`, 1), "must be a string, not an array"},
		{"jsonString a boolean", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `true`, 1), "must be a string, not a boolean"},
		{"jsonString in quotes", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `"\"{\\\"raw\\\":\\\"c\\\"}\""`, 1), "parameter.jsonString is escaped twice"},
		{"jsonString with backslashes", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `"{\\\"raw\\\":\\\"c\\\"}"`, 1), "parameter.jsonString is escaped twice"},
		{"jsonString too long", strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `"`+long+`x"`, 1), "parameter.jsonString has 8193 bytes"},
		{"snake_case in a Cloud Call", httpsCall, "parameter.jsonString is missing: this form of the call does not call it json_string"},
		{"no signature", strings.Replace(cloudCall, `,"jsonSignature":"`+signature+`"`, ``, 1), "parameter.jsonSignature is missing"},
		{"signature with a blank", strings.Replace(cloudCall, `c2ln`, `c2 n`, 1), "a + that went through a form"},
		{"signature URL-safe", strings.Replace(cloudCall, `c2ln`, `c2_n`, 1), "URL-safe base64"},
		{"signature too long", strings.Replace(cloudCall, signature, strings.Repeat("A", 513), 1), "parameter.jsonSignature has 513 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(genuine.asked)
			a := handler.CloudCall(backend(t), []byte(c.body))
			assert.False(t, a.IsOK())
			assert.Equal(t, openapi.CodeInvalidParam, a.Code())
			assert.Equal(t, 400, a.Err.Status())
			assert.Contains(t, string(a.CloudCall()), "openapi.soter.verifySignature:fail -501007 invalid parameters. ")
			assert.Contains(t, a.Err.Message, c.says)
			assert.Len(t, genuine.asked, before, "nobody was asked")
		})
	}

	a := handler.HTTPSCall(backend(t), []byte(cloudCall))
	assert.Contains(t, a.Err.Message, "parameter.json_string is missing: this form of the call does not call it jsonString")
	a = handler.CloudCall(backend(t), []byte(strings.Replace(cloudCall, `"{\"raw\":\"c\"}"`, `"`+long+`"`, 1)))
	assert.True(t, a.IsOK(), "8192 bytes are allowed")
}

// However JSON spells a question, it is the same one.
func TestQuestionInEscapes(t *testing.T) {
	inEscapes := regexp.MustCompile(`[a-zA-Z]`).ReplaceAllStringFunc(`{"openid":"oUser","jsonString":"{!raw!:!c!}","jsonSignature":"`+signature+`"}`,
		func(letter string) string { return fmt.Sprintf(`\u%04x`, letter[0]) })
	body := strings.ReplaceAll(inEscapes, "!", `\"`)
	j := judge{verdict: openapi.Genuine()}
	handler := &openapi.VerifySignature{Verifier: &j}
	require.True(t, handler.CloudCall(backend(t), []byte(body)).IsOK(), body)
	assert.Equal(t, []openapi.Request{question}, j.asked)

	twice := strings.Replace(cloudCall, `"openid"`, `"op\u0065nid":"oOther","openid"`, 1)
	assert.Contains(t, handler.CloudCall(backend(t), []byte(twice)).Err.Message, "parameter.openid is duplicated")
}

func TestUnknownFieldsAreAllowed(t *testing.T) {
	j := judge{verdict: openapi.Genuine()}
	handler := &openapi.VerifySignature{Verifier: &j}
	body := strings.Replace(cloudCall, `{`, `{"userInfo":{"appId":"wx1","openId":"oSomebodyElse"},"tcbContext":{},`, 1)
	assert.True(t, handler.CloudCall(backend(t), []byte(body)).IsOK())
	assert.Equal(t, "oUser", j.asked[0].OpenID, "userInfo names nobody")
}

func TestWhoCalls(t *testing.T) {
	withoutOpenID := strings.Replace(cloudCall, `"openid":"oUser",`, ``, 1)
	for _, c := range []struct {
		name   string
		caller openapi.Caller
		body   string
		code   int
		asks   string
	}{
		{"a backend names the user", openapi.Backend(), cloudCall, 0, "oUser"},
		{"a backend names nobody", openapi.Backend(), withoutOpenID, openapi.CodeInvalidParam, ""},
		{"a user names himself", openapi.User("oUser"), cloudCall, 0, "oUser"},
		{"a user names nobody", openapi.User("oUser"), withoutOpenID, 0, "oUser"},
		{"a user names another", openapi.User("oEve"), cloudCall, openapi.CodeIllegalSource, ""},
		{"a user with a backend's secret names himself", openapi.User("oUser").WithProof(), cloudCall, 0, "oUser"},
		{"a user with a backend's secret names another", openapi.User("oEve").WithProof(), cloudCall, openapi.CodeIllegalSource, ""},
		{"a user without an openid", openapi.User(""), cloudCall, openapi.CodeIllegalSource, ""},
		{"a user of another app", openapi.Nameless("another app's"), cloudCall, openapi.CodeIllegalSource, ""},
		{"a user of another app with a backend's secret", openapi.Nameless("another app's").WithProof(), cloudCall, openapi.CodeIllegalSource, ""},
		{"nobody that is known", openapi.Caller{}, cloudCall, openapi.CodeIllegalSource, ""},
		{"nobody that is known names nobody", openapi.Caller{}, withoutOpenID, openapi.CodeIllegalSource, ""},
		{"somebody from a page", openapi.Unknown("a page's"), cloudCall, openapi.CodeIllegalSource, ""},
		{"somebody with a backend's secret", openapi.Unknown("a page's").WithProof(), cloudCall, 0, "oUser"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := judge{verdict: openapi.Genuine()}
			handler := &openapi.VerifySignature{Verifier: &j}
			a := handler.CloudCall(openapi.WithCaller(t.Context(), c.caller), []byte(c.body))
			assert.Equal(t, c.code, a.Code())
			assert.Equal(t, c.code == 0, a.IsOK())
			if c.code != 0 {
				assert.Empty(t, j.asked)
				return
			}
			assert.Equal(t, c.asks, j.asked[0].OpenID)
		})
	}
}

func TestJSONStringArrivesByteForByte(t *testing.T) {
	for _, text := range []string{
		`{"raw":"<>&"}`, `{"fid":"00\u0000"}`, `{"raw":"a\/b"}`, "{\"raw\":\"\u2028\u2029\"}", `{"raw":"😀"}`,
		`{"raw":"\\"}`, "{ \"raw\" : \"x\" }\n", "{\"raw\":\"\x7f\"}",
	} {
		j := judge{verdict: openapi.Genuine()}
		body, err := json.Marshal(map[string]string{"openid": "o", "jsonString": text, "jsonSignature": signature})
		require.NoError(t, err)
		(&openapi.VerifySignature{Verifier: &j}).CloudCall(backend(t), body)
		require.Len(t, j.asked, 1, text)
		assert.Equal(t, text, j.asked[0].JSONString)
	}
}

// TestLogSeesEveryOutcome: what the log line says beside code and message.
func TestLogSeesEveryOutcome(t *testing.T) {
	for _, c := range []struct {
		name    string
		judge   judge
		body    string
		outcome string
		log     string
	}{
		{"genuine", judge{verdict: openapi.Genuine()}, cloudCall, "genuine", "[isOk=true openid=***]"},
		{"wrong", judge{verdict: openapi.Wrong("forged")}, cloudCall, "wrong", "[isOk=false openid=*** reason=forged]"},
		{"not answered", judge{err: openapi.Upstream(45009, "quota")}, cloudCall, "", "[isOk=false openid=***]"},
		{"not read", judge{verdict: openapi.Genuine()}, `{`, "", "[isOk=false]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := (&openapi.VerifySignature{Verifier: &c.judge}).Calls(nil, nil)[0]
			r := call.Serve(openapi.NewEvent(backend(t), []byte(c.body)))
			assert.Equal(t, c.outcome, r.Outcome)
			assert.Equal(t, c.outcome == "", r.Err != nil)
			assert.Equal(t, c.log, slog.GroupValue(r.Log...).String())
		})
	}
}

func TestQuestionIsLoggedWithoutItsSignature(t *testing.T) {
	r := openapi.Request{OpenID: "oABCD-the-middle-1234", JSONString: "text", JSONSignature: "signature"}
	assert.Equal(t, "[openid=oABC***1234]", r.LogValue().String())
	assert.Equal(t, "***", openapi.MaskOpenID("oShort"))
}

// FuzzCloudCall: whatever comes in, the answer is one JSON object of the
// documented shape, and isOk is true only for a question that was asked.
func FuzzCloudCall(f *testing.F) {
	f.Add([]byte(cloudCall))
	f.Add([]byte(httpsCall))
	f.Add([]byte(`{"openid":"\ud800"}`))
	f.Add([]byte("\xff\x00[[[["))
	f.Fuzz(func(t *testing.T, body []byte) {
		j := judge{verdict: openapi.Genuine()}
		handler := &openapi.VerifySignature{Verifier: &j}
		for _, a := range []openapi.Response{handler.CloudCall(backend(t), body), handler.HTTPSCall(backend(t), body)} {
			var cloud struct {
				IsOK    *bool   `json:"isOk"`
				ErrMsg  *string `json:"errMsg"`
				ErrCode *int    `json:"errCode"`
			}
			require.NoError(t, json.Unmarshal(a.CloudCall(), &cloud, json.RejectUnknownMembers(true)))
			require.NotNil(t, cloud.IsOK)
			require.NotNil(t, cloud.ErrMsg)
			require.NotNil(t, cloud.ErrCode)
			require.Equal(t, *cloud.ErrCode == 0, *cloud.IsOK, "the judge says genuine to whatever reaches it")
			var https map[string]any
			require.NoError(t, json.Unmarshal(a.HTTPSCall(), &https))
			require.Equal(t, *cloud.ErrCode == 0, https["is_ok"] == true)
		}
		for _, r := range j.asked {
			require.NotEmpty(t, r.OpenID)
			require.NotEmpty(t, r.JSONString)
			require.NotEmpty(t, r.JSONSignature)
			require.LessOrEqual(t, len(r.JSONString), openapi.MaxJSONString)
			// What was asked is what the library reads.
			var read map[string]any
			require.NoError(t, json.Unmarshal(body, &read))
			require.Equal(t, read["openid"], r.OpenID)
			require.Contains(t, []any{read["jsonString"], read["json_string"]}, r.JSONString)
			require.Contains(t, []any{read["jsonSignature"], read["json_signature"]}, r.JSONSignature)
		}
	})
}

// The codes that a door of ours gives for a mistake in the request are the caller's,
// whatever HTTP status goes with them; all that stop the deployment are faults.
func TestFaults(t *testing.T) {
	for _, code := range []int{-1, 40001, 40013, 40125, 40164, 42001, 45009, 48001, 50002, 89503, -604102, -604103, 99999} {
		assert.True(t, openapi.LookUp(code).Fault(), "%d", code)
	}
	for _, code := range []int{-501007, -604101, -604104, 40002, 40003, 40066, 41001, 41002, 41004, 43002, 44002, 47001} {
		assert.False(t, openapi.LookUp(code).Fault(), "%d", code)
	}
}
