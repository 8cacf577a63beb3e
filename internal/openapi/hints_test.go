package openapi_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/deploy/events"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/openapi"
	"sotercall/internal/test/need"
)

// request is what a phone has signed as a question, and signed the reverse.
func request(s sandbox.Signed) openapi.Request {
	return openapi.Request{OpenID: s.OpenID, JSONString: s.JSONString, JSONSignature: s.JSONSignature}
}

func signed(r openapi.Request) sandbox.Signed {
	return sandbox.Signed{OpenID: r.OpenID, JSONString: r.JSONString, JSONSignature: r.JSONSignature}
}

// signedBy is what a phone of the sandbox has signed.
func signedBy(t testing.TB, device sandbox.Device, challenge string) openapi.Request {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	phone, err := s.Phone("oHint-User_000000000000000001", device)
	require.NoError(t, err)
	signed, err := phone.Sign(challenge)
	require.NoError(t, err)
	return request(signed)
}

// ordered writes a text again with the members in alphabetical order, as encoders
// of maps do.
func ordered(t testing.TB, text string) string {
	t.Helper()
	v := jsontext.Value(text)
	require.NoError(t, v.Canonicalize())
	return string(v)
}

// TestWhatHappenedOnTheWayIsHinted damages one thing in a genuine question. WeChat
// is asked all the same, and its answer stays what it is.
func TestWhatHappenedOnTheWayIsHinted(t *testing.T) {
	genuine := signedBy(t, sandbox.AndroidPlain, "指纹 <&> challenge")
	apple := signedBy(t, sandbox.IOS, "challenge")
	require.Empty(t, openapi.Hint(genuine), "the twin")
	require.Empty(t, openapi.Hint(apple), "the twin")
	text := func(from *openapi.Request, to string) openapi.Request {
		r := *from
		r.JSONString = to
		return r
	}
	signature := func(to string) openapi.Request {
		r := genuine
		r.JSONSignature = to
		return r
	}
	replaced := func(old, new string) openapi.Request {
		require.Contains(t, genuine.JSONString, old)
		return text(&genuine, strings.Replace(genuine.JSONString, old, new, 1))
	}
	indented := jsontext.Value(genuine.JSONString)
	require.NoError(t, indented.Indent())
	counter := regexp.MustCompile(`"counter":(\d+)`)

	for _, c := range []struct {
		name    string
		damaged openapi.Request
		says    string
	}{
		{"no padding", signature(strings.TrimRight(genuine.JSONSignature, "=")), "jsonSignature lacks its padding"},
		{"half of its padding", signature(strings.TrimSuffix(genuine.JSONSignature, "=")), "jsonSignature lacks its padding"},
		{"cut off", signature(genuine.JSONSignature[:255]), "jsonSignature is too short: that of every phone on record has 344"},
		{"twice", signature(strings.TrimRight(genuine.JSONSignature, "=") + genuine.JSONSignature[:100]), "jsonSignature is too long"},
		{"256 bytes and two more", signature(base64.StdEncoding.EncodeToString(make([]byte, 258))), "jsonSignature is no signature of 256 bytes"},
		{"in quotes", signature(`"` + genuine.JSONSignature + `"`), "jsonSignature is not base64"},
		{"in hexadecimal", signature(strings.Repeat("0f", 256)), "jsonSignature is too long"},
		{"padding in the middle", signature("==" + genuine.JSONSignature[:342]), "jsonSignature is not base64"},

		{"a blank in front", text(&genuine, " "+genuine.JSONString), "jsonString has a blank, a line break or a byte order mark"},
		{"a line break behind", text(&genuine, genuine.JSONString+"\n"), "jsonString has a blank, a line break or a byte order mark"},
		{"a byte order mark", text(&genuine, "\ufeff"+genuine.JSONString), "jsonString has a blank, a line break or a byte order mark"},
		{"text cut off", text(&genuine, genuine.JSONString[:100]), "jsonString does not end with }"},
		{"Python's str", text(&genuine, strings.ReplaceAll(genuine.JSONString, `"`, `'`)), "jsonString is not JSON"},
		{"HTML", text(&genuine, strings.ReplaceAll(genuine.JSONString, `"`, `&quot;`)), "jsonString is not JSON"},
		{"Python's json.dumps", text(&genuine, strings.ReplaceAll(genuine.JSONString, `":`, `": `)), "jsonString has blanks or line breaks between its members"},
		{"indented", text(&genuine, string(indented)), "jsonString has blanks or line breaks between its members"},
		{"a map of Go", text(&genuine, ordered(t, genuine.JSONString)), "jsonString has its members in alphabetical order"},
		{"a map of Go, from iOS", text(&apple, ordered(t, apple.JSONString)), "jsonString has its members in alphabetical order"},
		{"ASCII only", replaced("指纹", `\u6307\u7eb9`), `jsonString writes characters as \u…`},
		{"fit for a web page", replaced("<&>", `\u003c\u0026\u003E`), `jsonString writes characters as \u…`},
		{"a double of Java", text(&genuine, counter.ReplaceAllString(genuine.JSONString, `"counter":$1.0`)), "jsonString writes a whole number with a fraction"},
		{"an exponent", text(&genuine, counter.ReplaceAllString(genuine.JSONString, `"counter":${1}E0`)), "jsonString writes a whole number with a fraction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEqual(t, genuine, c.damaged)
			assert.Contains(t, openapi.Hint(c.damaged), "parameter."+c.says)
			assert.NotContains(t, openapi.Hint(c.damaged), c.damaged.JSONSignature)

			body, err := json.Marshal(signed(c.damaged))
			require.NoError(t, err)
			wrong := judge{verdict: openapi.Wrong("WeChat says so")}
			a := (&openapi.VerifySignature{Verifier: &wrong}).CloudCall(backend(t), body)
			require.Equal(t, []openapi.Request{c.damaged}, wrong.asked, "WeChat was asked, to the byte")
			assert.Equal(t, 0, a.Code())
			assert.Equal(t, openapi.Hint(c.damaged), a.Hint)
			assert.Equal(t, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`, string(a.CloudCall()), "WeChat's, to the byte")
			assert.Equal(t, `{"errcode":0,"errmsg":"ok","is_ok":false}`, string(a.HTTPSCall()), "WeChat's, to the byte")

			asking := append([]byte(`{"explain":true,`), body[1:]...)
			a = (&openapi.VerifySignature{Verifier: &wrong}).CloudCall(backend(t), asking)
			require.Equal(t, c.damaged, wrong.asked[1])
			hint := " hint: " + strings.ReplaceAll(a.Hint, `\`, `\\`)
			assert.Equal(t, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok`+hint+`","errCode":0}`, string(a.CloudCall()))
			assert.Equal(t, `{"errcode":0,"errmsg":"ok`+hint+`","is_ok":false}`, string(a.HTTPSCall()))

			right := judge{verdict: openapi.Genuine()}
			a = (&openapi.VerifySignature{Verifier: &right}).CloudCall(backend(t), asking)
			assert.Equal(t, `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`, string(a.CloudCall()), "WeChat knows better")
			broken := judge{err: openapi.Upstream(-1, "system error")}
			a = (&openapi.VerifySignature{Verifier: &broken}).CloudCall(backend(t), asking)
			assert.Equal(t, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:fail system error","errCode":-1}`, string(a.CloudCall()))
		})
	}
}

// TestOnlyTrueAsksForAnExplanation: a question may have any other member of that
// name, as WeChat would answer it.
func TestOnlyTrueAsksForAnExplanation(t *testing.T) {
	e := genuineEvent("jsonString", "jsonSignature")
	e["jsonString"] += " "
	body := string(e.bytes(t))
	for value, explained := range map[string]bool{
		`true`: true, `false`: false, `null`: false, `"true"`: false, `1`: false, `{"true":true}`: false, `[true]`: false,
	} {
		j := judge{verdict: openapi.Wrong("forged")}
		a := (&openapi.VerifySignature{Verifier: &j}).CloudCall(backend(t), []byte(`{"explain":`+value+`,`+body[1:]))
		require.Len(t, j.asked, 1, value)
		assert.NotEmpty(t, a.Hint)
		assert.Equal(t, explained, strings.Contains(string(a.CloudCall()), "hint"), value)
	}
}

// The log line has the hint at both doors, in the words of the door.
func TestTheLogSaysTheHint(t *testing.T) {
	for n, names := range [][2]string{{"jsonString", "jsonSignature"}, {"json_string", "json_signature"}} {
		for _, wrong := range []bool{true, false} {
			j := judge{verdict: openapi.Genuine()}
			if wrong {
				j.verdict = openapi.Wrong("forged")
			}
			e := genuineEvent(names[0], names[1])
			e[names[0]] += "\n"
			r := (&openapi.VerifySignature{Verifier: &j}).Calls(nil, nil)[n].Serve(openapi.NewEvent(backend(t), e.bytes(t)))
			logged := slog.GroupValue(r.Log...).String()
			assert.Equal(t, wrong, strings.Contains(logged, "hint=parameter."+names[0]+" has a blank"), logged)
		}
	}
}

// requireUnhinted: a genuine question, also one that WeChat refuses, is asked as it
// is and explained by nothing.
func requireUnhinted(t require.TestingT, r openapi.Request) {
	require.Empty(t, openapi.Hint(r), "%q", r.JSONString)
	body, err := json.Marshal(signed(r))
	require.NoError(t, err)
	body = append([]byte(`{"explain":true,`), body[1:]...)
	j := judge{verdict: openapi.Wrong("another user's")}
	a := (&openapi.VerifySignature{Verifier: &j}).CloudCall(openapi.WithCaller(context.Background(), openapi.Backend()), body)
	require.Equal(t, `{"isOk":false,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`, string(a.CloudCall()), "%q", r.JSONString)
	require.Equal(t, []openapi.Request{r}, j.asked)
}

func TestNoPhoneOfTheSandboxIsRefusedOrHintedAt(t *testing.T) {
	s, err := sandbox.New(sandbox.Options{})
	require.NoError(t, err)
	for _, info := range sandbox.Devices() {
		phone, err := s.Phone("oHint-User_000000000000000001", info.Device)
		require.NoError(t, err)
		sign := func(t require.TestingT, challenge string) {
			signed, err := phone.Sign(challenge)
			require.NoError(t, err)
			requireUnhinted(t, request(signed))
		}
		for _, challenge := range []string{
			"c", "<>&", "a/b", `\/`, `\u4e2d`, `\\u003c`, "fid\x00", "\u2028\u2029", "😀", `"quoted"`, "\x01\x1f\x7f", "\t\r\n", "中文", `{"a": 1, "b": 2.0}`,
			" ", "\ufeff", "$resultJSON", "%2B", "undefined", "}", strings.Repeat("😀", 512),
		} {
			sign(t, challenge)
		}
		rapid.Check(t, func(rt *rapid.T) { sign(rt, rapid.StringN(1, 512, -1).Draw(rt, "challenge")) })
	}
	requireUnhinted(t, request(sandbox.Signed(events.Direct())))
}

// TestNoResultInTheFormOfPhonesIsHintedAt: phones that nobody has seen may write
// other members, nested ones and blanks among them; those on record write raw, or
// Huawei's bo_t before it, first.
func TestNoResultInTheFormOfPhonesIsHintedAt(t *testing.T) {
	recorded := []string{"fid", "counter", "tee_n", "tee_v", "fp_n", "fp_v", "cpu_id", "uid", "fc_n", "fc_v"}
	value := func(rt *rapid.T) string {
		return rapid.OneOf(
			rapid.Map(rapid.Uint64(), func(n uint64) string { return fmt.Sprint(n) }),
			rapid.Map(rapid.String(), func(s string) string {
				quoted, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(s, ""))
				require.NoError(rt, err)
				return string(quoted)
			}),
		).Draw(rt, "value")
	}
	for _, text := range []string{
		`{"raw":"c","tee_n":"t","tee_v":"1","uid":"2"}`, `{"bo_t":"1","raw":"c","tee_n":"t","uid":"2"}`, `{"counter":1,"raw":"c","uid":"2","cpu_id":"3"}`, `{}`,
	} {
		requireUnhinted(t, openapi.Request{OpenID: "o", JSONString: text, JSONSignature: signature})
	}
	rapid.Check(t, func(rt *rapid.T) {
		blank, names := "", rapid.Permutation(recorded).Draw(rt, "names")
		members := []string{`"raw":` + value(rt)}
		for _, name := range names[:rapid.IntRange(0, len(names)).Draw(rt, "n")] {
			members = append(members, `"`+name+`":`+value(rt))
		}
		if rapid.Bool().Draw(rt, "unseen") {
			blank = rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(rt, "blank")
			members = append(members, `"os":`+rapid.SampledFrom([]string{`"HarmonyOS"`, `{"a":[1.5]}`, `null`, `1e3`}).Draw(rt, "os"))
		}
		requireUnhinted(rt, openapi.Request{OpenID: "o", JSONString: "{" + strings.Join(members, ","+blank) + "}", JSONSignature: signature})
	})
}

// TestNoVectorOfARealPhoneIsRefusedOrHintedAt runs what the real phones of
// Tencent's samples have signed.
func TestNoVectorOfARealPhoneIsRefusedOrHintedAt(t *testing.T) {
	folder := os.Getenv("SOTER_VECTORS")
	if folder == "" {
		need.Optional(t, errors.New("SOTER_VECTORS is not set"))
	}
	ran := 0
	for text, signature := range map[string]string{
		"final_json.txt": "final_signature.bin", "hw_final_json.txt": "hw_final_signature.txt",
		"auth_key_json.txt": "auth_key_signature.bin", "hw_auth_key_json.txt": "hw_auth_key_signature.txt",
	} {
		signed, err := os.ReadFile(filepath.Join(folder, "soter", text))
		require.NoError(t, err)
		by, err := os.ReadFile(filepath.Join(folder, "soter", signature))
		require.NoError(t, err)
		if strings.HasSuffix(signature, ".bin") {
			by = base64.StdEncoding.AppendEncode(nil, by)
		}
		requireUnhinted(t, openapi.Request{OpenID: "oReal", JSONString: string(signed), JSONSignature: string(by)})
		ran++
	}
	assert.Equal(t, 4, ran)
}

// FuzzHint: whatever is asked, a hint is the same each time, is short, and explains
// an answer: it makes none, and takes none away.
func FuzzHint(f *testing.F) {
	s := events.Direct()
	f.Add(s.OpenID, s.JSONString, s.JSONSignature)
	f.Add("$openid", "$resultJSON", "$resultJSONSignature")
	f.Add("o", `{"raw": "\u4e2d", "counter": 1.0}`, "%2B")
	f.Add("o", `{"a":"\`, "=")
	f.Add("", "}", "")
	f.Fuzz(func(t *testing.T, openid, jsonString, jsonSignature string) {
		r := openapi.Request{OpenID: openid, JSONString: jsonString, JSONSignature: jsonSignature}
		hint := openapi.Hint(r)
		require.Equal(t, hint, openapi.Hint(r))
		require.LessOrEqual(t, len(hint), 600)

		body, err := json.Marshal(signed(r), jsontext.AllowInvalidUTF8(true))
		require.NoError(t, err)
		body = append([]byte(`{"explain":true,`), body[1:]...)
		genuine, wrong := judge{verdict: openapi.Genuine()}, judge{verdict: openapi.Wrong("")}
		yes := (&openapi.VerifySignature{Verifier: &genuine}).CloudCall(backend(t), body)
		no := (&openapi.VerifySignature{Verifier: &wrong}).CloudCall(backend(t), body)
		require.Equal(t, genuine.asked, wrong.asked)
		require.Equal(t, len(genuine.asked) == 1, yes.IsOK())
		require.False(t, no.IsOK())
		require.Equal(t, yes.Code(), no.Code())
		require.Empty(t, yes.Hint)
		if yes.Err != nil {
			require.Equal(t, string(yes.CloudCall()), string(no.CloudCall()), "a refusal stays a refusal")
		}
	})
}
