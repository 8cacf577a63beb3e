package playground

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// markdown is GitHub's dialect, as far as the documents use it. Raw HTML in a document is
// left out.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

// readable are the kinds of files that can be read, with their content types.
var readable = map[string]string{
	".md": "text/html; charset=utf-8", ".png": "image/png", ".yaml": "text/plain; charset=utf-8",
	".js": "text/plain; charset=utf-8", ".mjs": "text/plain; charset=utf-8", ".json": "text/plain; charset=utf-8",
	".go": "text/plain; charset=utf-8", ".py": "text/plain; charset=utf-8", ".sh": "text/plain; charset=utf-8",
	".java": "text/plain; charset=utf-8", ".wxml": "text/plain; charset=utf-8", ".wxss": "text/plain; charset=utf-8",
}

// reachable makes elements that scroll sideways reachable with the keyboard, and empty
// header cells plain ones. Raw HTML is left out, so these are goldmark's own tags.
var reachable = strings.NewReplacer(
	"<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>",
	"<pre>", `<pre tabindex="0">`, "<th></th>", "<td></td>",
)

// mayRead allows the documents and the examples only. A developer's folder has secrets as
// well: phones' keys, .env, secret.json.
func mayRead(name string) bool {
	if _, ok := readable[path.Ext(name)]; !ok || !fs.ValidPath(name) {
		return false
	}
	parts := strings.Split(name, "/")
	if slices.ContainsFunc(parts, func(part string) bool {
		return strings.HasPrefix(part, ".") || part == "node_modules" || strings.Contains(part, "secret")
	}) {
		return false
	}
	return parts[0] == "docs" || parts[0] == "examples" || len(parts) == 1 && path.Ext(name) == ".md"
}

// serveRead shows a document or an example of the project.
func (p *Playground) serveRead(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !mayRead(name) {
		http.NotFound(w, r)
		return
	}
	if translated, ok := p.translated(name, r.URL.Query().Get("lang")); ok {
		http.Redirect(w, r, prefix+"read/"+translated, http.StatusFound)
		return
	}
	content, err := fs.ReadFile(p.project, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", readable[path.Ext(name)])
	if path.Ext(name) != ".md" {
		_, _ = w.Write(content)
		return
	}
	var body bytes.Buffer
	if err := markdown.Convert(content, &body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	html := reachable.Replace(body.String())
	lang := language(r)
	if isChinese(name) {
		lang = "zh"
	}
	// HTML that is not escaped: it comes from our own documents.
	p.page.write(w, "read.html", lang, map[string]any{"Name": name, "Body": template.HTML(html)})
}

// isChinese reports whether the document is in Chinese: it is in docs/zh-CN, or its name
// ends in .zh-CN.md.
func isChinese(name string) bool {
	return strings.HasPrefix(name, "docs/zh-CN/") || strings.HasSuffix(name, ".zh-CN.md")
}

// translated returns the name of the document in the language of the URL, and false if
// there is none.
func (p *Playground) translated(name, language string) (string, bool) {
	if language != "zh" || isChinese(name) || path.Ext(name) != ".md" {
		return "", false
	}
	translated := strings.TrimSuffix(name, ".md") + ".zh-CN.md"
	if rest, ok := strings.CutPrefix(name, "docs/"); ok {
		translated = "docs/zh-CN/" + rest
	}
	_, err := fs.Stat(p.project, translated)
	return translated, err == nil
}
