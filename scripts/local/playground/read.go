package playground

import (
	"bytes"
	"cmp"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

// readable are the kinds of files that can be read, and their content types.
var readable = map[string]string{
	".md": "text/html; charset=utf-8", ".png": "image/png", ".gif": "image/gif",
	".yaml": plainText, ".yml": plainText, ".js": plainText, ".mjs": plainText, ".json": plainText,
	".go": plainText, ".py": plainText, ".sh": plainText, ".java": plainText, ".wxml": plainText, ".wxss": plainText,
}

const plainText = "text/plain; charset=utf-8"

// isSecret reports whether a file may hold something that is no document's business. A
// developer's folder has phones' keys, .env and secret.json.
func isSecret(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return strings.HasPrefix(part, ".") && part != "." || part == "node_modules" || strings.Contains(part, "secret")
	})
}

// isDocument reports whether a file or a folder is one of the documents and examples.
func isDocument(name string) bool {
	first, _, below := strings.Cut(name, "/")
	return first == "docs" || first == "examples" || !below && path.Ext(name) == ".md"
}

// mayRead reports whether a file may be read: a document, an example, or what one of the
// documents links to. Files of other kinds, such as a Dockerfile, must be linked to.
func (p *Playground) mayRead(name string) bool {
	_, known := readable[path.Ext(name)]
	switch {
	case !fs.ValidPath(name):
		return false
	case known && isDocument(name) && !isSecret(name):
		return true
	}
	return (known || !isSecret(name)) && p.linked()[name]
}

// documents are where the project's documents are.
var documents = []string{"*.md", "docs/*.md", "docs/zh-CN/*.md", "examples/*.md", "deploy/events/*.md"}

// linked returns the files and folders that documents link to. They are read again each
// time, because a developer edits them.
func (p *Playground) linked() map[string]bool {
	all := map[string]bool{}
	for _, pattern := range documents {
		names, _ := fs.Glob(p.project, pattern) // the patterns are well formed
		for _, name := range names {
			text, err := fs.ReadFile(p.project, name)
			if err != nil {
				continue
			}
			for _, link := range links(text) {
				all[path.Join(path.Dir(name), link)] = true
			}
		}
	}
	return all
}

// serveRead shows a document or an example of the project, or lists a folder.
func (p *Playground) serveRead(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("name"), "/")
	lang := languageOf(r)
	if named := r.URL.Query().Get("lang"); p.translated(name, named) {
		http.Redirect(w, r, prefix+"read/"+chineseName(name)+"?lang="+named, http.StatusFound)
		return
	}
	if info, err := fs.Stat(p.project, name); err == nil && info.IsDir() {
		p.serveFolder(w, r, name, lang)
		return
	}
	if !p.mayRead(name) {
		http.NotFound(w, r)
		return
	}
	content, err := fs.ReadFile(p.project, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", cmp.Or(readable[path.Ext(name)], plainText))
	if path.Ext(name) != ".md" {
		_, _ = w.Write(content)
		return
	}
	if isChinese(name) {
		lang = "zh"
	}
	var body bytes.Buffer
	if err := p.convert(name, lang, content, &body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	// The documents are our own.
	p.page.write(w, "read.html", lang, map[string]any{"Name": name, "Body": template.HTML(body.String())})
}

// entry is a file or a folder in a list.
type entry struct{ Name, Path string }

// serveFolder lists the files of a folder that may be read.
func (p *Playground) serveFolder(w http.ResponseWriter, r *http.Request, name, lang string) {
	if !isDocument(name) || isSecret(name) {
		http.NotFound(w, r)
		return
	}
	files, err := fs.ReadDir(p.project, name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	var entries []entry
	for _, file := range files {
		below := path.Join(name, file.Name())
		switch {
		case file.IsDir() && !isSecret(below):
			entries = append(entries, entry{file.Name() + "/", below})
		case !file.IsDir() && p.mayRead(below):
			entries = append(entries, entry{file.Name(), below})
		}
	}
	w.Header().Set("Content-Type", readable[".md"])
	p.page.write(w, "folder.html", lang, map[string]any{"Name": name, "Entries": entries})
}

// translated reports whether a document is to be read in Chinese, and can be.
func (p *Playground) translated(name, language string) bool {
	if language != "zh" || isChinese(name) || path.Ext(name) != ".md" {
		return false
	}
	_, err := fs.Stat(p.project, chineseName(name))
	return err == nil
}

// chineseName returns the name that the Chinese twin of a document has, or would have.
func chineseName(name string) string {
	if rest, ok := strings.CutPrefix(name, "docs/"); ok {
		return "docs/zh-CN/" + rest
	}
	return strings.TrimSuffix(name, ".md") + ".zh-CN.md"
}

func isChinese(name string) bool {
	return strings.HasPrefix(name, "docs/zh-CN/") || strings.HasSuffix(name, ".zh-CN.md")
}
