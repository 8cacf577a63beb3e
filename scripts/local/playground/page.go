package playground

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"sotercall/internal/challenge"
	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/sandbox"
	"sotercall/scripts/local/language"
	"sotercall/scripts/local/texts"
)

//go:embed web
var webFiles embed.FS

// page is index.html in each language.
type page struct {
	template *template.Template
	texts    map[string]map[string]string // by language, then by key
}

func newPage() (page, error) {
	p := page{texts: map[string]map[string]string{}}
	times := strings.NewReplacer("{lifetime}", fmt.Sprint(challenge.DefaultTTL.Minutes()), "{age}", fmt.Sprint(old.Minutes()))
	for _, lang := range language.All {
		t := texts.Page(lang).All()
		for key, text := range t {
			t[key] = times.Replace(text)
		}
		if lang == language.English { // the sandbox has these itself
			for _, device := range sandbox.Devices() {
				t["signs."+string(device.Device)] = device.Signs
			}
		}
		p.texts[lang] = t
	}
	parsed, err := template.New("").Funcs(template.FuncMap{"t": func(string) (string, error) { return "", nil }}).ParseFS(webFiles, "web/*.html")
	p.template = parsed
	return p, err
}

// tabs are what is shown as it was sent and answered.
var tabs = []string{"challenge", "event", "answer", "log"}

// link is a name in the texts, and a file from the root of the project.
type link struct{ Name, Path string }

// readOn are the documents and examples that the page recommends.
var readOn = []link{
	{"walkthrough", "docs/walkthrough.md"},
	{"call", "docs/call.md"},
	{"mistakes", "docs/mistakes.md"},
	{"challenges", "docs/challenges.md"},
	{"tokens", "docs/tokens.md"},
	{"sandbox", "docs/sandbox.md"},
	{"miniprogram", "examples/miniprogram/utils/soter.js"},
	{"clients", "examples/README.md"},
}

// group are the mistakes of one kind.
type group struct {
	Name     string
	Mistakes []mistake
}

func groups() (all []group) {
	for _, m := range mistakes {
		if len(all) == 0 || all[len(all)-1].Name != m.Group {
			all = append(all, group{Name: m.Group})
		}
		last := &all[len(all)-1]
		last.Mistakes = append(last.Mistakes, m)
	}
	return all
}

// languageOf returns the language that the URL names, else the browser's first that the page
// has, else the first of all.
func languageOf(r *http.Request) string {
	if named := r.URL.Query().Get("lang"); slices.Contains(language.All, named) {
		return named
	}
	for wanted := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(wanted), ";")
		name, _, _ = strings.Cut(strings.ToLower(name), "-")
		if slices.Contains(language.All, name) {
			return name
		}
	}
	return language.All[0]
}

// servePage serves the page in the language of the request.
func (p *Playground) servePage(w http.ResponseWriter, r *http.Request) {
	lang := languageOf(r)
	w.Header().Set("Vary", "Accept-Language")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.page.write(w, "index.html", lang, map[string]any{
		"Texts": p.page.texts[lang], "Tabs": tabs, "Links": readOn,
		"Devices": sandbox.Devices(), "Users": users, "Orders": orders, "Platforms": emulator.All(), "Groups": groups(),
	})
}

// tags are the languages as HTML names them.
var tags = map[string]string{"en": "en", "zh": "zh-CN"}

// write writes one of the templates in one language.
func (p page) write(w http.ResponseWriter, name, lang string, values map[string]any) {
	values["Lang"], values["Tag"] = lang, tags[lang]
	parsed, err := p.template.Clone()
	if err == nil {
		parsed.Funcs(template.FuncMap{"t": func(key string) (string, error) {
			if text, ok := p.texts[lang][key]; ok {
				return text, nil
			}
			return "", fmt.Errorf("no text %q in %q", key, lang)
		}})
		err = parsed.ExecuteTemplate(w, name, values)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// files are the styles, scripts and fonts of the page.
func (p page) files() http.Handler {
	files, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic(err) // the name of a folder that is embedded
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".html") || strings.HasSuffix(r.URL.Path, "/") || r.URL.Path == "" {
			http.NotFound(w, r)
			return
		}
		server.ServeHTTP(w, r)
	})
}
