package playground

import (
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/scripts/local/language"
)

var (
	linkInHTML     = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	linkInMarkdown = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// crawled are the pages that a crawl found, by their paths with the query, and the broken
// links, each with the page that has it.
type crawled struct {
	pages  map[string]string
	broken []string
}

// crawl follows every link from the pages at start: to other pages, and to their #parts.
func crawl(t *testing.T, p http.Handler, start ...string) crawled {
	t.Helper()
	found := crawled{pages: map[string]string{}}
	type link struct{ page, target string }
	var queue []link
	for _, address := range start {
		queue = append(queue, link{"the start", address})
	}
	visit := func(l link) {
		target, err := url.Parse(l.target)
		require.NoError(t, err, l.target)
		part := target.Fragment
		target.Fragment, target.RawFragment = "", ""
		address := target.String()
		for range 3 {
			if _, seen := found.pages[address]; seen {
				break
			}
			resp := ask(p, "GET", address, "", nil)
			if to, err := resp.Location(); err == nil {
				address = to.RequestURI()
				continue
			}
			if resp.StatusCode != http.StatusOK {
				found.broken = append(found.broken, l.page+" links to "+l.target)
				return
			}
			found.pages[address] = bodyOf(t, resp)
			if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
				break
			}
			here, err := url.Parse(address)
			require.NoError(t, err)
			for _, match := range linkInHTML.FindAllStringSubmatch(found.pages[address], -1) {
				to, err := here.Parse(html.UnescapeString(match[1]))
				require.NoError(t, err, match[1])
				if to.Host == "" {
					queue = append(queue, link{address, to.String()})
				} else {
					assert.Equal(t, "https", to.Scheme, "%s links to %s", address, match[1])
				}
			}
		}
		if part != "" && !strings.Contains(found.pages[address], `id="`+part+`"`) {
			found.broken = append(found.broken, l.page+" links to "+l.target)
		}
	}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		visit(next)
	}
	return found
}

// Each link of every page that the playground serves leads somewhere, in both languages.
func TestLinksLeadSomewhere(t *testing.T) {
	p := newPlayground(t)
	read := func(name, lang string) string { return "/playground/read/" + name + "?lang=" + lang }
	var start []string
	for _, lang := range language.All {
		start = append(start, "/?lang="+lang)
		for _, text := range p.page.texts[lang] {
			for _, link := range linkInMarkdown.FindAllStringSubmatch(text, -1) {
				start = append(start, read("docs/"+link[1], lang))
			}
		}
		for _, pattern := range documents {
			names, err := fs.Glob(p.project, pattern)
			require.NoError(t, err)
			for _, name := range names {
				if p.mayRead(name) {
					start = append(start, read(name, lang))
				}
			}
		}
	}
	found := crawl(t, p, start...)
	for _, broken := range found.broken {
		t.Error(broken)
	}
	has := func(address string) { assert.True(t, found.pages[address] != "", "the crawl comes by %s", address) }
	for _, lang := range language.All {
		for _, name := range []string{
			"examples/miniprogram", "examples/backend/server.js", "functions/verify/config.json", "deploy/openapi.yaml",
			".github/ISSUE_TEMPLATE/live.yml", "deploy/container/compose.yaml",
			"examples/cloud-hosting/Dockerfile",
		} {
			has(read(name, lang))
		}
	}
	has(read("docs/call.md", "en"))
	has(read("docs/zh-CN/call.md", "zh"))
	for address, page := range found.pages {
		if strings.HasSuffix(address, ".md?lang=zh") {
			assert.True(t, strings.Contains(page, `<html lang="zh-CN">`), address)
		}
	}
	assert.Equal(t, http.StatusNotFound, ask(p, "GET", "/playground/index.html", "", nil).StatusCode, "a template is no page")
}

// A crawl that finds nothing broken must be able to.
func TestBrokenLinksAreFound(t *testing.T) {
	project := fstest.MapFS{
		"README.md":       {Data: []byte("# One\n\n[a](docs/a.md) [b](docs/b.md) [c](#one) [d](#two) [e](docs/a.md#用途) [f](docs/a.md#用) [g](go.mod) [h](.env)\n")},
		"docs/a.md":       {Data: []byte("# A\n\n## 用途\n")},
		"go.mod":          {Data: []byte("module x\n")},
		".env":            {Data: []byte("SECRET=x\n")},
		"README.zh-CN.md": {Data: []byte("# 一\n\n[English](README.md)\n")},
	}
	p, err := New(project, "")
	require.NoError(t, err)
	defer func() { assert.NoError(t, p.Close()) }()
	const start = "/playground/read/README.md?lang=en"
	var broken []string
	for _, link := range crawl(t, p, start).broken {
		if target, ours := strings.CutPrefix(link, start+" links to /playground/read/"); ours {
			broken = append(broken, target)
		}
	}
	slices.Sort(broken)
	assert.Equal(t, []string{".env?lang=en", "README.md?lang=en#two", "docs/a.md?lang=en#%E7%94%A8", "docs/b.md?lang=en"}, broken)
	found := crawl(t, p, "/playground/read/README.zh-CN.md?lang=zh")
	assert.Contains(t, found.pages, "/playground/read/README.md?lang=en", "from the Chinese document to its twin")
}
