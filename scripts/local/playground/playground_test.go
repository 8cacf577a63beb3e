package playground

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
)

func newPlayground(t *testing.T) *Playground {
	t.Helper()
	p, err := New(os.DirFS("../../.."), "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close()) })
	return p
}

// ask sends a request as a program on this computer would.
func ask(p http.Handler, method, path, body string, change func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:9000"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

const question = `{"device":"ios","user":"alice","platform":"scf","challenges":true,"mistake":"replay"}`

// A page of another site must not drive the playground, nor read what it shows.
func TestOtherWebPagesAreRefused(t *testing.T) {
	p := newPlayground(t)
	for _, route := range []struct{ method, path string }{
		{"GET", "/"}, {"GET", "/playground/app.js"}, {"GET", "/playground/state"}, {"POST", "/playground/run"},
		{"GET", "/playground/read/docs/call.md"},
	} {
		for name, change := range map[string]func(*http.Request){
			"a rebound name":     func(r *http.Request) { r.Host = "evil.test:9000" },
			"another origin":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") },
			"another port":       func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:8000") },
			"the null origin":    func(r *http.Request) { r.Header.Set("Origin", "null") },
			"two origins":        func(r *http.Request) { r.Header["Origin"] = []string{"http://127.0.0.1:9000", "https://evil.test"} },
			"another site":       func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"another local site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		} {
			resp := ask(p, route.method, route.path, question, change)
			assert.Equal(t, http.StatusForbidden, resp.StatusCode, "%s from %s", route.path, name)
		}
		own := func(r *http.Request) {
			r.Header.Set("Origin", "http://127.0.0.1:9000")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			ctx, cancel := context.WithCancel(r.Context())
			cancel() // the state would last
			*r = *r.WithContext(ctx)
		}
		resp := ask(p, route.method, route.path, question, own)
		assert.NotEqual(t, http.StatusForbidden, resp.StatusCode, "the twin: %s", route.path)
	}
}

// A copied link works where it is pasted, in an issue for example. It opens the page alone.
func TestLinkOnAnotherSiteOpensThePage(t *testing.T) {
	p := newPlayground(t)
	link := func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
	}
	resp := ask(p, "GET", "/?mistake=replay&challenges=off", "", link)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	assert.Equal(t, "same-origin", resp.Header.Get("Cross-Origin-Opener-Policy"), "the other site keeps no hold of the page")
	for _, path := range []string{"/playground/app.js", "/playground/state", "/playground/read/docs/call.md"} {
		assert.Equal(t, http.StatusForbidden, ask(p, "GET", path, "", link).StatusCode, path)
	}
	assert.Equal(t, http.StatusForbidden, ask(p, "POST", "/playground/run", question, link).StatusCode)
}

func TestThePageKeepsToItsServer(t *testing.T) {
	p := newPlayground(t)
	for _, path := range []string{"/", "/playground/style.css", "/playground/run", "/playground/read/README.md"} {
		resp := ask(p, "GET", path, "", nil)
		policy := resp.Header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'self';", path)
		assert.NotContains(t, policy, "unsafe", path)
		assert.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"), path)
	}
	// What a policy would refuse must not be there: inline scripts, styles, handlers.
	page := bodyOf(t, ask(p, "GET", "/", "", nil))
	assert.NotRegexp(t, `<script>|<style|\sstyle=|\son[a-z]+=`, page)
	for _, url := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		assert.Regexp(t, `^[/#]`, url[1])
	}
}

func TestThePageOffersEachPlatform(t *testing.T) {
	page := bodyOf(t, ask(newPlayground(t), "GET", "/", "", nil))
	for _, platform := range emulator.All() {
		assert.Regexp(t, `name="platform" value="`+platform.Name+`"[^<]*><span>`+platform.Title+`</span>`, page)
	}
}

func TestBeforeTheFunctionsAreBuilt(t *testing.T) {
	p := newPlayground(t)
	page := ask(p, "GET", "/", "", nil)
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Contains(t, bodyOf(t, page), "Building the functions…")
	resp := ask(p, "POST", "/playground/run", question, nil)
	assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	assert.Equal(t, "2", resp.Header.Get("Retry-After"))
	assert.Contains(t, bodyOf(t, resp), "being built")
}

// brokenWorld cannot start anything.
type brokenWorld struct{}

func (brokenWorld) Start(context.Context, string, Function) (emulator.Runtime, error) {
	return nil, assert.AnError
}

func (brokenWorld) Address(string, Function, string) (string, http.Header) { return "", nil }

func (brokenWorld) Line(context.Context, string) []byte { return nil }

func (brokenWorld) IssuedAt(string, string, time.Time) (string, error) { return "", assert.AnError }

func TestAFunctionThatDoesNotStartIsTold(t *testing.T) {
	p := newPlayground(t)
	p.Ready(brokenWorld{})
	for range 2 { // the turn is given back
		resp := ask(p, "POST", "/playground/run", question, nil)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Contains(t, bodyOf(t, resp), "event: failed\ndata: {\"message\":\""+assert.AnError.Error())
	}
}

func TestWrongQuestionsAreNamed(t *testing.T) {
	p := newPlayground(t)
	p.Ready(brokenWorld{})
	for says, wrong := range map[string]string{
		`want {\"device\"`:        `{"device":"ios","user":"alice","platform":"scf","challenges":true,"mistake":"","more":1}`,
		`device \"nokia\"`:        strings.Replace(question, "ios", "nokia", 1),
		`no user \"eve\"`:         strings.Replace(question, "alice", "eve", 1),
		`platform \"azure\"`:      strings.Replace(question, "scf", "azure", 1),
		`no order \"house\"`:      strings.Replace(question, "{", `{"order":"house",`, 1),
		`no mistake \"typo\"`:     strings.Replace(question, "replay", "typo", 1),
		`request body too large`:  strings.Replace(question, "replay", strings.Repeat("x", 5000), 1),
		`"message":"want {`:       `not JSON`,
		`mistake\":\"\"}: `:       ``,
		`within \"/challenges\"`:  strings.Replace(question, "true", `"yes"`, 1),
		`duplicate object member`: strings.Replace(question, "{", `{"user":"bob",`, 1),
	} {
		resp := ask(p, "POST", "/playground/run", wrong, nil)
		assert.Equal(t, http.StatusBadRequest, resp.StatusCode, wrong)
		assert.Contains(t, bodyOf(t, resp), says)
	}
	assert.Equal(t, http.StatusOK, ask(p, "POST", "/playground/run", question, nil).StatusCode, "the twin")
	assert.Equal(t, http.StatusNotFound, ask(p, "GET", "/playground/run", "", nil).StatusCode)
}

func TestLanguage(t *testing.T) {
	p := newPlayground(t)
	for _, c := range []struct{ path, accepts, want string }{
		{"/", "", "en"},
		{"/", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"},
		{"/", "de-DE, ZH;q=0.5", "zh-CN"},
		{"/", "de, fr", "en"},
		{"/?lang=zh", "en", "zh-CN"},
		{"/?lang=en", "zh", "en"},
		{"/?lang=xx", "zh", "zh-CN"},
	} {
		page := bodyOf(t, ask(p, "GET", c.path, "", func(r *http.Request) { r.Header.Set("Accept-Language", c.accepts) }))
		assert.Contains(t, page, `<html lang="`+c.want+`">`, "%s, %q", c.path, c.accepts)
	}
}

// Beside the documents lie secrets.
func TestOnlyDocumentsAndExamplesAreRead(t *testing.T) {
	project := fstest.MapFS{}
	for _, name := range []string{
		"README.md", "README.zh-CN.md", "docs/call.md", "docs/zh-CN/call.md", "docs/tokens.md", "examples/clients/verify.go",
		".sandbox/oUser/android.json", "secret.json", "deploy/.env", "deploy/secret.json", "examples/secret.json",
		"examples/.env.json", "go.mod", "docs/node_modules/x.md", "internal/secret/secret.go", "event.json",
	} {
		project[name] = &fstest.MapFile{Data: []byte("# What stands in\n\n" + name)}
	}
	p, err := New(project, "")
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	may := []string{"README.md", "README.zh-CN.md", "docs/call.md", "docs/zh-CN/call.md", "docs/tokens.md", "examples/clients/verify.go"}
	for name := range project {
		resp := ask(p, "GET", "/playground/read/"+name, "", nil)
		if slices.Contains(may, name) {
			assert.Equal(t, http.StatusOK, resp.StatusCode, name)
			assert.Contains(t, bodyOf(t, resp), name)
		} else {
			assert.Equal(t, http.StatusNotFound, resp.StatusCode, name)
		}
	}
	for _, name := range []string{"docs/missing.md", "docs/..%2fsecret.json", "docs/%2e%2e/go.mod", "deploy/", "internal", ".sandbox", "docs/node_modules", ""} {
		assert.NotEqual(t, http.StatusOK, ask(p, "GET", "/playground/read/"+name, "", nil).StatusCode, name)
	}
	resp := ask(p, "GET", "/playground/read/docs/call.md?lang=zh", "", nil)
	assert.Equal(t, "/playground/read/docs/zh-CN/call.md?lang=zh", resp.Header.Get("Location"))
	resp = ask(p, "GET", "/playground/read/README.md?lang=zh", "", nil)
	assert.Equal(t, "/playground/read/README.zh-CN.md?lang=zh", resp.Header.Get("Location"))
	resp = ask(p, "GET", "/playground/read/README.zh-CN.md", "", nil)
	assert.Contains(t, bodyOf(t, resp), `<html lang="zh-CN">`)
	resp = ask(p, "GET", "/playground/read/docs/tokens.md?lang=zh", "", nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode, "what is not translated is shown in English")
	assert.Contains(t, bodyOf(t, resp), "<h1 id=")
}
