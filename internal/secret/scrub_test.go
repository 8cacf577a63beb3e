package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/secret"
)

// What an upstream can be told: an access_token, a signature, a session token
// and a password, of the characters that they have.
const (
	token     = "81_kT-zQ9xXy0pLm3Rb_Vw7Ns5Hd2Jf8Gc4Ka6Ue1Oi-Tr"
	signature = "pX7+a/Zk0mQ9/w+Lr3Tt5Yy8Uu2Ii6Oo4Pp1Aa+Ss/Dd7Ff9Gg3Hh5Jj8Kk0Ll2Qq=="
	password  = "p4$s w&rd/\\\"100%é-Xq7Zr"
)

var all = []string{token, signature, password}

func scrubber() *secret.Scrubber {
	return secret.NewScrubber(secret.New(password)).With(secret.New(token), secret.New(signature))
}

// forms are the ways in which a text can be written.
var forms = map[string]func(string) string{
	"as it is":              func(s string) string { return s },
	"URL":                   url.QueryEscape,
	"path":                  url.PathEscape,
	"URL twice":             func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"%q":                    func(s string) string { return fmt.Sprintf("%q", s) },
	"%+q":                   func(s string) string { return fmt.Sprintf("%+q", s) },
	"%q twice":              func(s string) string { return fmt.Sprintf("%q", fmt.Sprintf("%q", s)) },
	"%q in a URL":           func(s string) string { return url.QueryEscape(fmt.Sprintf("%q", s)) },
	"JSON":                  func(s string) string { b, _ := json.Marshal(s); return string(b) },
	"JSON, slashes escaped": func(s string) string { b, _ := json.Marshal(s); return strings.ReplaceAll(string(b), "/", `\/`) },
	"HTML":                  html.EscapeString,
	"upper case":            strings.ToUpper,
	"lines of 20":           func(s string) string { return s[:len(s)/2] + "\r\n" + s[len(s)/2:] },
	"hex":                   func(s string) string { return hex.EncodeToString([]byte(s)) },
	"base64":                func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64, one before":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"base64, two before":    func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("xy" + s + "z")) },
	"base64 of a URL": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("GET /?t=" + url.QueryEscape(s) + " HTTP/1.1"))
	},
	"base64 of JSON":  func(s string) string { b, _ := json.Marshal(s); return base64.StdEncoding.EncodeToString(b) },
	"base64 in a URL": func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) },
}

func TestASecretIsFoundInEveryForm(t *testing.T) {
	s := scrubber()
	for form, write := range forms {
		for _, content := range all {
			text := "before <" + write(content) + "> after"
			clean := s.Text(text)
			assert.Contains(t, clean, "[redacted]", form)
			assert.True(t, strings.HasPrefix(clean, "before <"), "%s: %q", form, clean)
			assert.True(t, strings.HasSuffix(clean, "> after"), "%s: %q", form, clean)
			assert.Less(t, len(clean), len("before <[redacted]> after")+len(write(""))+12, "%s: no more than the edge of it is left: %q", form, clean)

			var unknown *secret.Scrubber
			assert.Equal(t, text, unknown.Text(text), "the twin: unknown, it stays")
		}
	}
}

func TestAPartOfASecretIsFound(t *testing.T) {
	s := scrubber()
	for _, part := range []string{token[:10], token[:21], token[len(token)-9:], token[12:31], signature[:11], signature[20:44]} {
		assert.Equal(t, "x [redacted]… y", s.Text("x "+part+"… y"))
		assert.NotContains(t, s.Text(base64.StdEncoding.EncodeToString([]byte("GET /?access_token="+part+" "))), base64.StdEncoding.EncodeToString([]byte(part))[8:12])
	}
	for _, few := range []string{token[:6], token[12:20], "GET /cgi-bin/soter/verify_signature"} {
		assert.Equal(t, few, s.Text(few), "the twin: no sign of the secret")
	}
}

func TestSecretsAreLearnt(t *testing.T) {
	s := secret.NewScrubber()
	child := s.With(secret.New(signature))
	assert.Equal(t, token, child.Text(token), "the twin: unknown, it stays")
	s.Learn(secret.New(token))
	assert.Equal(t, "[redacted]", child.Text(token))
	s.Learn(secret.New(password))
	assert.Equal(t, "[redacted] [redacted]", child.Text(token+" "+password), "requests with the one before are under way")
	s.Learn(secret.New(password))
	assert.Equal(t, token+" [redacted]", child.Text(token+" "+password))
}

func TestAShortSecretIsFoundWhole(t *testing.T) {
	s := secret.NewScrubber(secret.New("a/b-c"), secret.New("x"), secret.Text{})
	assert.Equal(t, "x=[redacted], y=[redacted], a/b-", s.Text("x=a/b-c, y="+url.QueryEscape("a/b-c")+", a/b-"))
}

// What WeChat says passes byte for byte, whatever else the function knows.
func TestHonestTextsPassUnchanged(t *testing.T) {
	s := secret.NewScrubber(secret.New("BEARER_TOKEN"), secret.New("0123456789abcdef0123456789abcdef")).
		With(secret.New(token), secret.New(signature), secret.New("o6_bmjrPTlm6_2sgVt7hMZOPfL2M"))
	for _, text := range []string{
		"", "ok",
		"invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken rid: 6578a1b2-3c4d5e6f-7a8b9c0d",
		"invalid openid rid: 6578a1b2-3c4d5e6f-7a8b9c0d", "data format error hint: [Xa0123vr45-6] rid: 61725984-6126f6f9-040f19c4",
		"api unauthorized hint: [D1Y.da0234ure1!] rid: 5f", "100%, \\u \\x %zz &; &#; \xff 中文 \x00\x1b[31m\r\n", strings.Repeat("é", 512),
	} {
		assert.Equal(t, text, s.Text(text))
	}
}

func TestATextIsBounded(t *testing.T) {
	s := scrubber()
	assert.Equal(t, strings.Repeat("é", 510)+"…", s.Text(strings.Repeat("é", 513)), "no half character")
	assert.Len(t, s.Text(strings.Repeat("x ", 1<<20)), 1024)
	long := strings.Repeat(token+" ", 1000)
	assert.NotContains(t, s.Text(long), token[:8])
}

func TestAnErrorKeepsItsChain(t *testing.T) {
	cause := fmt.Errorf("malformed reply %q: %w", token, io.ErrUnexpectedEOF)
	err := fmt.Errorf("POST /x: %w", scrubber().Error(cause))
	assert.EqualError(t, err, `POST /x: malformed reply "[redacted]": unexpected EOF`)
	assert.True(t, errors.Is(err, io.ErrUnexpectedEOF))
	for ; err != nil; err = errors.Unwrap(err) {
		assert.NotContains(t, err.Error(), token)
	}
	require.NoError(t, scrubber().Error(nil))
}

// Connections are shared: what answers one request may be meant for another.
func TestSecretsOfOtherRequestsAreKnownForAWhile(t *testing.T) {
	s := secret.NewScrubber()
	first := s.With(secret.New(token))
	assert.Equal(t, "[redacted]", s.With(secret.New(signature)).Text(token))
	for i := range 1000 {
		s.With(secret.New(fmt.Sprintf("another-secret-%06d", i)))
	}
	assert.Equal(t, token, s.Text(token), "memory is bounded")
	assert.Equal(t, "[redacted]", first.Text(token), "the twin: its own request knows it for as long as it lasts")
	for range 1000 {
		s.With(secret.New(signature))
	}
	assert.Equal(t, "[redacted]", s.Text("another-secret-000999"), "one secret takes one place")
}

func TestScrubberConcurrently(t *testing.T) {
	s := secret.NewScrubber()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			own := fmt.Sprintf("%02d-a-secret-of-its-own", i)
			assert.Equal(t, "[redacted]", s.With(secret.New(own)).Text(own))
		})
	}
	wg.Wait()
}

// No window of 16 letters of a secret survives, and where there is none, nothing
// changes.
func TestNothingOfASecretSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.StringMatching(`([A-Za-z0-9]{3}[+/_-]?){7,60}`).Draw(t, "secret")
		noise := rapid.StringMatching(`[ -~]{0,40}`)
		from := rapid.IntRange(0, len(content)-1).Draw(t, "from")
		to := rapid.IntRange(from, len(content)).Draw(t, "to")
		write := forms[rapid.SampledFrom([]string{"as it is", "URL", "%q", "JSON", "HTML"}).Draw(t, "form")]
		text := noise.Draw(t, "before") + write(content[from:to]) + noise.Draw(t, "after")
		clean := secret.NewScrubber(secret.New(content)).Text(text)
		for i := 0; i+24 <= len(clean); i++ { // with what stands between 16 letters
			require.NotContains(t, content, clean[i:i+24])
		}
		require.Equal(t, clean, secret.NewScrubber(secret.New(content)).Text(clean), "once is enough")
	})
}

func FuzzScrub(f *testing.F) {
	for _, write := range forms {
		f.Add(token, write(token))
	}
	f.Add("%", "%25%2525&#x;\\u00")
	f.Fuzz(func(t *testing.T, content, text string) {
		s := secret.NewScrubber(secret.New(content))
		clean := s.Text(text)
		require.LessOrEqual(t, len(clean), 1024)
		if len(content) >= 16 && content == strings.Map(letters, content) {
			require.NotContains(t, clean, content)
		}
		if !strings.Contains(clean, "[redacted]") && len(text) <= 1024 {
			require.Equal(t, text, clean)
		}
	})
}

func letters(c rune) rune {
	if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' {
		return c
	}
	return -1
}

func BenchmarkScrubber(b *testing.B) {
	s := secret.NewScrubber(secret.New(password))
	tokenText, signatureText := secret.New(token), secret.New(signature)
	b.Run("nothing went wrong", func(b *testing.B) {
		for b.Loop() {
			s.With(tokenText, signatureText)
		}
	})
	b.Run("a text of 200 bytes", func(b *testing.B) {
		text := strings.Repeat("some words ", 18)
		for b.Loop() {
			s.With(tokenText, signatureText).Text(text)
		}
	})
	b.Run("the worst: 64 others, long secrets, a long text", func(b *testing.B) {
		for i := range 64 {
			s.With(secret.New(strings.Repeat(fmt.Sprint("another secret ", i), 60)))
		}
		text := strings.Repeat("ab", 8<<10)
		for b.Loop() {
			s.With(secret.New(strings.Repeat("ba", 4<<10))).Text(text)
		}
	})
}
