package redact_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
)

const (
	rid       = " rid: 6578a1b2-3c4d5e6f-7a8b9c0d"
	moreAt    = ", could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
	token     = "81_kT-zQ9xXy0pLm3Rb_Vw7Ns5Hd2Jf8Gc4Ka6Ue1Oi-Tr"
	openID    = "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"
	appSecret = "0123456789abcdef0123456789abcdef"
	signature = "pX7+a/Zk0mQ9/w+Lr3Tt5Yy8Uu2Ii6Oo4Pp1Aa+Ss/Dd7Ff9Gg3Hh5Jj8Kk0Ll2Qq=="
)

// recorded are the messages that WeChat and its gateway are known to send: those of
// transcripts, of the documentation's tables of error codes, and of SDK sources. A
// rid may stand behind each.
var recorded = []string{
	"ok", "system error", "system error, please try again", "invalid credential  access_token isinvalid or not latest",
	"invalid credential, access_token is invalid or not latest" + moreAt, "invalid credential, access_token is invalid or not latest",
	"invalid grant_type", "invalid openid", "invalid openid hint: [Xa0123vr45-6]", "invalid appid", "invalid appid, rid: 61725984-6126f6f9-040f19c4",
	"invalid access_token", "invalid url", "invalid appsecret", "invalid appsecret,", "invalid code, rid: 68b6cccd-413bd35f-519163d6",
	"invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist", "invalid ip 255.255.255.255 ipv6 2001:0db8:85a3:0000:0000:8a2e:0370:7334, not in whitelist",
	"access_token missing", "access_token missing hint: [D1Y.da0234ure1!]", "appid missing", "appsecret missing", "access_token expired",
	"require GET method", "require POST method", "require POST method hint: [VJJ6Ja0482]", "empty post data", "reach max api daily quota limit" + moreAt,
	"reach max api daily quota limit", "api minute-quota reach limit, must slower, retry next minute", "data format error",
	`data format error, field "openid" doesn't expect a number value`, `data format error, field "json_signature" doesn't expect a string value: "0"`,
	"AppSecret已被冻结，请解冻后再次调用。", "api unauthorized", "api unauthorized hint: [abc]", "user limited",
	"user not allow to use accesstoken, maybe for punishment", "账号已冻结", "第三方平台 API 需要使用第三方平台专用 token",
	"此IP正在等待管理员确认,请联系管理员", "此次调用需要管理员确认，请耐心等候",
	"该IP调用求请求已被公众号管理员拒绝，请24小时后再试，建议调用前与管理员沟通确认",
	"system error: error code: -604101", "parameter.openid is missing", "signature is expired",
}

func TestRecordedMessagesPassUnchanged(t *testing.T) {
	r := redact.New(secret.New("p4$s w&rd"), secret.New(appSecret), secret.New(token))
	for _, text := range recorded {
		for _, said := range []string{text, text + rid, text + " hint: [Xa0123vr45-6]" + rid} {
			assert.Equal(t, said, r.Text(said))
		}
	}
	for _, said := range []string{
		"", "request 0b5c1a9e-6f0e-4d4e-9f57-2a5f6f0c1d2e failed", "request 17641584001234567890", "100%, \\u \\x %zz &; &#; \xff 中文 \x00\x1b[31m\r\n", strings.Repeat("é", 256),
		"User: arn:aws:sts::123456789012:assumed-role/sotercall-verify-production/sotercall-verify is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/sotercall-production-tokens because",
	} {
		assert.Equal(t, said, r.Text(said))
	}
}

// forms are the ways in which an echo may write a secret.
var forms = map[string]func(string) string{
	"as it is":              func(s string) string { return s },
	"URL":                   url.QueryEscape,
	"path":                  url.PathEscape,
	"URL twice":             func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"%q":                    func(s string) string { return fmt.Sprintf("%q", s) },
	"JSON":                  func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"JSON, slashes escaped": func(s string) string { b, _ := json.Marshal(s); return strings.ReplaceAll(string(b), "/", `\/`) },
	"JSON for HTML":         func(s string) string { return strings.NewReplacer("+", `\u002b`, "=", `\u003d`).Replace(s) },
	"HTML":                  html.EscapeString,
	"HTML, all of it": func(s string) string {
		return strings.NewReplacer("/", "&#x2F;", "+", "&#43;", "=", "&#x3D;").Replace(s)
	},
	"upper case":           strings.ToUpper,
	"lower case":           strings.ToLower,
	"hex":                  func(s string) string { return hex.EncodeToString([]byte(s)) },
	"base64":               func(s string) string { return base64.StdEncoding.EncodeToString([]byte("GET /?t=" + s)) },
	"base64 of an address": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("xy" + s + "z")) },
	"lines of 20":          func(s string) string { return s[:20] + "\r\n" + s[20:] },
	"16 of the middle":     func(s string) string { return s[5:21] },
}

func TestSecretsOfAllAppsAreMaskedInEveryForm(t *testing.T) {
	var unknown *redact.Redactor // has seen none of them
	for form, write := range forms {
		for _, content := range []string{token, openID, appSecret, signature} {
			clean := unknown.Text("before <" + write(content) + "> after")
			assert.Contains(t, clean, "[redacted]", form)
			for i := 0; i+16 <= len(content); i++ {
				assert.NotContains(t, strings.ToLower(clean), strings.ToLower(content[i:i+16]), form)
			}
			assert.True(t, strings.HasPrefix(clean, "before <") && strings.HasSuffix(clean, "> after"), clean)
		}
	}
	assert.Equal(t, "you said [redacted]", unknown.Text(`you said {"raw":"pay 5","counter":41}`))
	for _, few := range []string{token[:15], signature[10:25], "access_token=15"} {
		assert.Equal(t, few, unknown.Text(few), "the twin: 15 characters are no sign of a secret")
	}
}

func TestTheOperatorsSecretsAreLookedForWhole(t *testing.T) {
	r := redact.New(secret.New("a/b-c"), secret.New("a/b-c d"), secret.New("x"), secret.Text{}, secret.New("0b5c1a9e-6f0e-4d4e-9f57-2a5f6f0c1d2e"))
	assert.Equal(t, "x=[redacted], y=[redacted]; a/b- [redacted]", r.Text("x=a/b-c, y=a/b-c d; a/b- 0b5c1a9e-6f0e-4d4e-9f57-2a5f6f0c1d2e"))
}

func TestATextIsBounded(t *testing.T) {
	r := redact.New(secret.New("p4$s w&rd"))
	assert.Equal(t, strings.Repeat("é", 254)+"…", r.Text(strings.Repeat("é", 257)), "no half character")
	assert.Len(t, r.Text(strings.Repeat("x ", 1<<20)), 512)
	// Masks make room for what stands at the limit of what is read.
	long := strings.Repeat("a", 4090) + " p4$s w&rd"
	assert.NotContains(t, r.Text(long), "p4")
	assert.Equal(t, "[redacted]…", redact.New().Text(strings.Repeat("a", 1<<20)))
}

// The bound is a millisecond; the test allows for a busy machine.
func TestNoTextCostsMuch(t *testing.T) {
	var apps []secret.Text
	for i := range 10_000 {
		apps = append(apps, secret.New(fmt.Sprintf("s!%d.%d!%d", i, i*7, i*31)))
	}
	r := redact.New(apps...)
	for name, text := range map[string]string{
		"one letter": strings.Repeat("a", 64<<10), "ARNs": strings.Repeat("arn:aws:", 8<<10), "secrets": strings.Repeat("s!1", 20<<10),
		"blanks": strings.Repeat(" ", 64<<10), "numbers": strings.Repeat("1234567890123456 ", 4<<10), "bytes": strings.Repeat("\xff", 64<<10),
	} {
		best := time.Hour
		for range 20 {
			began := time.Now()
			r.Text(text)
			best = min(best, time.Since(began))
		}
		assert.Less(t, best, time.Millisecond, name)
	}
}

func TestAnErrorKeepsItsMeaningAndNotTheReply(t *testing.T) {
	syntax := &jsontext.SyntacticError{JSONPointer: jsontext.Pointer("/short"), Err: io.ErrUnexpectedEOF}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "my-token-function-in-production.example"}}
	for _, c := range []struct {
		err  error
		says string
	}{
		{fmt.Errorf("no reply: malformed HTTP response %q", "p4 "+token), "no reply: malformed HTTP response …"},
		{errors.New("malformed MIME header line: X " + token), "malformed MIME header line: X [redacted]"},
		{fmt.Errorf("WeChat's reply: %w", syntax), "WeChat's reply: jsontext: unexpected EOF within …"},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New(token)}, "proxyconnect tcp: [redacted]"},
		{fmt.Errorf("no reply: %w", refused), "no reply: dial tcp: lookup my-token-function-in-production.example: no such host"},
		{fmt.Errorf("x: %w", syscall.ECONNRESET), "x: connection reset by peer"},
		{context.DeadlineExceeded, "context deadline exceeded"},
	} {
		err := redact.New().Error(c.err)
		require.EqualError(t, err, c.says)
		assert.ErrorIs(t, err, c.err)
		assert.NoError(t, errors.Unwrap(err), "nobody comes to the text that was redacted")
		assert.EqualError(t, redact.New().Error(fmt.Errorf("POST /x-is-a-long-path: %w", err)), "POST /x-is-a-long-path: "+c.says, "once is enough")
	}
	require.NoError(t, redact.New().Error(nil))
	_, isOp := errors.AsType[*net.OpError](redact.New().Error(refused))
	assert.True(t, isOp)
}

func TestCodeIsOneWord(t *testing.T) {
	assert.Equal(t, "ProvisionedThroughputExceededException", redact.Code("ProvisionedThroughputExceededException"))
	for _, text := range []string{token, "two words", strings.Repeat("x", 65), "a1"} {
		assert.Equal(t, "[redacted]", redact.Code(text))
	}
}

// No window of 16 characters of a secret survives, whatever stands around it.
func TestNothingOfASecretSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.StringMatching(`[A-Za-z0-9+/_-]{16,100}`).Draw(t, "secret")
		noise := rapid.StringMatching(`[ -~]{0,40}`)
		from := rapid.IntRange(0, len(content)-1).Draw(t, "from")
		to := rapid.IntRange(from, len(content)).Draw(t, "to")
		form := rapid.SampledFrom([]string{"as it is", "URL", "JSON", "JSON for HTML"}).Draw(t, "form")
		if strings.Contains(content, "arn:aws") || strings.Trim(content, "0123456789") == "" {
			t.Skip("a name")
		}
		clean := redact.New().Text(noise.Draw(t, "before") + forms[form](content[from:to]) + noise.Draw(t, "after"))
		for i := 0; i+16 <= len(content); i++ {
			require.NotContains(t, clean, content[i:i+16])
		}
	})
}

func FuzzText(f *testing.F) {
	for _, write := range forms {
		f.Add("p4$s w&rd", write(token))
	}
	f.Add("%", "%25%2525&#x;\\u00 arn:aws:a:b:1:")
	f.Fuzz(func(t *testing.T, content, text string) {
		r := redact.New(secret.New(content))
		clean := r.Text(text)
		require.LessOrEqual(t, len(clean), 512)
		if len(text) <= 512 && !strings.Contains(clean, "[redacted]") && !strings.Contains(clean, "…") {
			require.Equal(t, text, clean)
		}
		if len(content) >= 4 && len(text) <= 512 && !strings.Contains("[redacted]…", content) && strings.Count(text, content) == 1 && strings.TrimSpace(text) == content {
			require.NotContains(t, clean, content)
		}
		_ = r.Error(errors.New(text)).Error()
	})
}

func BenchmarkText(b *testing.B) {
	r := redact.New(secret.New("p4$s w&rd"))
	for name, text := range map[string]string{"message": recorded[4] + rid, "16 KB of one letter": strings.Repeat("a", 16<<10)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r.Text(text)
			}
		})
	}
}
