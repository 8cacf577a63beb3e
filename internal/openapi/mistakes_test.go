package openapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/deploy/events"
	"sotercall/internal/openapi"
)

// event is a question by the names of its members, as a backend builds one.
type event map[string]string

// genuineEvent is what a phone has signed, in one of the spellings.
func genuineEvent(jsonString, jsonSignature string) event {
	s := events.Direct()
	return event{"openid": s.OpenID, jsonString: s.JSONString, jsonSignature: s.JSONSignature}
}

func (e event) rename(from, to string) {
	e[to] = e[from]
	delete(e, from)
}

func (e event) swap(one, other string) { e[one], e[other] = e[other], e[one] }

func (e event) bytes(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]string(e), json.Deterministic(true))
	require.NoError(t, err)
	return b
}

func (e event) form() string {
	values := url.Values{}
	for name, value := range e {
		values.Set(name, value)
	}
	return values.Encode()
}

// TestMistakesThatCannotBeRightAreRefused breaks one thing in a genuine question,
// in both spellings. Nobody is asked, and the message says what to do. The twin is
// the question as it was.
func TestMistakesThatCannotBeRightAreRefused(t *testing.T) {
	for _, form := range []struct {
		text, signature, otherText, otherSignature string
		ask                                        func(h *openapi.VerifySignature, body []byte) openapi.Response
	}{
		{"jsonString", "jsonSignature", "json_string", "json_signature",
			func(h *openapi.VerifySignature, body []byte) openapi.Response { return h.CloudCall(backend(t), body) }},
		{"json_string", "json_signature", "jsonString", "jsonSignature",
			func(h *openapi.VerifySignature, body []byte) openapi.Response { return h.HTTPSCall(backend(t), body) }},
	} {
		text, signature := form.text, form.signature
		j := judge{verdict: openapi.Genuine()}
		handler := &openapi.VerifySignature{Verifier: &j}
		twin := form.ask(handler, genuineEvent(text, signature).bytes(t))
		require.True(t, twin.IsOK(), "%v", twin.Err)
		require.Len(t, j.asked, 1)

		renamed := func(from, to string) func(event) { return func(e event) { e.rename(from, to) } }
		set := func(name, value string) func(event) { return func(e event) { e[name] = value } }
		for _, c := range []struct {
			name   string
			damage func(e event)
			says   string
		}{
			{"$openid", set("openid", "$openid"), "parameter.openid is a placeholder"},
			{"$resultJSON", set(text, "$resultJSON"), "parameter." + text + " is a placeholder"},
			{"$resultJSONSignature", set(signature, "$resultJSONSignature"), "parameter." + signature + " is a placeholder"},
			{"${res.resultJSON}", set(text, "${res.resultJSON}"), "parameter." + text + " is a placeholder"},
			{"undefined", set(text, "undefined"), "parameter." + text + " is the word that JavaScript writes"},
			{"[object Object]", set(text, "[object Object]"), "parameter." + text + " is the word that JavaScript writes"},
			{"signature null", set(signature, "null"), "parameter." + signature + " is the word that JavaScript writes"},

			{"openId", renamed("openid", "openId"), "parameter.openid is missing: this form of the call does not call it openId"},
			{"open_id", renamed("openid", "open_id"), "does not call it open_id"},
			{"resultJSON", renamed(text, "resultJSON"), "parameter." + text + " is missing: this form of the call does not call it resultJSON"},
			{"result_json", renamed(text, "result_json"), "does not call it result_json"},
			{"resultJSONSignature", renamed(signature, "resultJSONSignature"), "parameter." + signature + " is missing: this form of the call does not call it resultJSONSignature"},
			{"signature", renamed(signature, "signature"), "does not call it signature"},
			{"the other spelling's text", renamed(text, form.otherText), "parameter." + text + " is missing: this form of the call does not call it " + form.otherText},
			{"the other spelling's signature", renamed(signature, form.otherSignature), "does not call it " + form.otherSignature},
			{"an empty text beside resultJSON", func(e event) { e.rename(text, "resultJSON"); e[text] = "" }, "does not call it resultJSON"},
			{"nothing that resembles it", func(e event) { delete(e, text) }, "parameter." + text + " is missing"},

			{"text and signature swapped", func(e event) { e.swap(text, signature) }, "parameter." + signature + " holds a JSON object: the parameters are swapped"},
			{"openid and text swapped", func(e event) { e.swap("openid", text) }, "parameter.openid holds a JSON object: the parameters are swapped"},
			{"the signature twice", func(e event) { e[text] = e[signature] }, "parameter." + text + " holds a signature"},
			{"the text twice", func(e event) { e[signature] = e[text] }, "parameter." + signature + " holds a JSON object"},

			{"signature in a form", func(e event) { e[signature] = url.QueryEscape(e[signature]) }, "parameter." + signature + " is URL-encoded"},
			{"only its + escaped", func(e event) { e[signature] = strings.ReplaceAll(e[signature], "+", "%2B") }, "parameter." + signature + " is URL-encoded, as %2B is for +"},
			{"only its = escaped", func(e event) { e[signature] = strings.ReplaceAll(e[signature], "=", "%3d") }, "parameter." + signature + " is URL-encoded"},
			{"its + became blanks", func(e event) { e[signature] = strings.ReplaceAll(e[signature], "+", " ") }, "white space"},
			{"text in a form", func(e event) { e[text] = url.QueryEscape(e[text]) }, "parameter." + text + " is URL-encoded"},

			{"text without its brace", func(e event) { e[text] = e[text][1:] }, "parameter." + text + " is escaped twice"},
			{"an openid for the text", func(e event) { e[text] = e["openid"] }, "parameter." + text + " does not begin with {"},
			{"undefined openid", set("openid", "undefined"), "parameter.openid is the word that JavaScript writes"},
			{"the whole result", func(e event) {
				whole, err := json.Marshal(map[string]string{"errMsg": "startSoterAuthentication:ok", "authMode": "fingerPrint",
					"resultJSON": e[text], "resultJSONSignature": e[signature]}, json.Deterministic(true))
				require.NoError(t, err)
				e[text] = string(whole)
			}, "parameter." + text + " is the whole result of wx.startSoterAuthentication"},
			{"lines of 76 characters", func(e event) { e[signature] = e[signature][:76] + "\r\n" + e[signature][76:] },
				"parameter." + signature + " has line breaks in its base64: send it in one line"},
			{"a line break at its end", func(e event) { e[signature] += "\n" }, "parameter." + signature + " has line breaks in its base64"},
			{"an array", func(e event) { e[text] = "[" + e[text] + "]" }, "parameter." + text + " does not begin with {"},
		} {
			t.Run(text+"/"+c.name, func(t *testing.T) {
				broken := genuineEvent(text, signature)
				c.damage(broken)
				require.NotEqual(t, genuineEvent(text, signature), broken)
				a := form.ask(handler, broken.bytes(t))
				require.NotNil(t, a.Err)
				assert.Equal(t, openapi.CodeInvalidParam, a.Code())
				assert.Contains(t, a.Err.Message, c.says)
				assert.NotContains(t, a.Err.Message, events.Direct().JSONSignature)
				assert.Len(t, j.asked, 1, "nobody was asked")
			})
		}

		for name, body := range map[string]string{
			"a form":             genuineEvent(text, signature).form(),
			"a form, other name": "appid=wx1&" + genuineEvent(text, signature).form(),
			"JSON in a form":     url.QueryEscape(string(genuineEvent(text, signature).bytes(t))),
			"parts of a form":    "------WebKit\r\nContent-Disposition: form-data; name=\"openid\"\r\n\r\noUser\r\n------WebKit--\r\n",
		} {
			a := form.ask(handler, []byte(body))
			require.NotNil(t, a.Err, name)
			assert.Contains(t, a.Err.Message, "it is a form. Send a JSON object", name)
		}
		a := form.ask(handler, []byte("a=b"))
		assert.NotContains(t, a.Err.Message, "form", "the twin: something else that is not JSON")
	}
}

// A user may leave openid out, so that another name for it is no mistake.
// TestBodiesInAnotherEncodingAreNamed: the same question, in bytes that are no JSON.
func TestBodiesInAnotherEncodingAreNamed(t *testing.T) {
	body := genuineEvent("json_string", "json_signature").bytes(t)
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write(body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	wide := func(order binary.AppendByteOrder) (encoded []byte) {
		for _, unit := range utf16.Encode([]rune(string(body))) {
			encoded = order.AppendUint16(encoded, unit)
		}
		return encoded
	}
	j := judge{verdict: openapi.Genuine()}
	handler := &openapi.VerifySignature{Verifier: &j}
	require.True(t, handler.HTTPSCall(backend(t), body).IsOK(), "the twin")
	for _, c := range []struct {
		body []byte
		says string
	}{
		{append([]byte("\ufeff"), body...), "begins with a byte order mark: send UTF-8 without one"},
		{compressed.Bytes(), "is compressed (gzip): send it as it is"},
		{wide(binary.LittleEndian), "is UTF-16: send UTF-8"},
		{wide(binary.BigEndian), "is UTF-16: send UTF-8"},
		{append([]byte{0xff, 0xfe}, wide(binary.LittleEndian)...), "is UTF-16: send UTF-8"},
		{append([]byte{0xfe, 0xff}, wide(binary.BigEndian)...), "is UTF-16: send UTF-8"},
		{bytes.Replace(body, []byte(`"`), []byte{0xff}, 1), "is not valid UTF-8"},
	} {
		a := handler.HTTPSCall(backend(t), c.body)
		assert.Equal(t, openapi.CodeInvalidParam, a.Code())
		assert.Contains(t, string(a.HTTPSCall()), c.says)
	}
	assert.Len(t, j.asked, 1)
}

func TestAUserWithoutOpenIDIsHimself(t *testing.T) {
	j := judge{verdict: openapi.Genuine()}
	own := genuineEvent("jsonString", "jsonSignature")
	own.rename("openid", "openId")
	a := (&openapi.VerifySignature{Verifier: &j}).CloudCall(openapi.WithCaller(t.Context(), openapi.User("oUser")), own.bytes(t))
	assert.True(t, a.IsOK())
	assert.Equal(t, "oUser", j.asked[0].OpenID)
}
