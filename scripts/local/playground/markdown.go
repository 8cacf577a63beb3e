package playground

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// markdown is what GitHub reads, as far as the documents use it. Raw HTML in a document is
// left out.
var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

// parse reads a document. Its headings have the names that GitHub gives them.
func parse(document []byte) ast.Node {
	return markdown.Parser().Parse(text.NewReader(document), parser.WithContext(parser.NewContext(parser.WithIDs(anchors{}))))
}

// reachable lets what scrolls sideways be scrolled with the keyboard, and makes no
// heading of an empty cell. Raw HTML being left out, these are goldmark's own tags.
var reachable = strings.NewReplacer(
	"<table>", `<div class="wide" tabindex="0"><table>`, "</table>", "</table></div>",
	"<pre>", `<pre tabindex="0">`, "<th></th>", "<td></td>",
)

// convert writes the document of that name as HTML. Its links to other documents keep the
// language, but for those from a Chinese document to its English twin. What is translated
// is linked to as a whole: its #parts have other names.
func (p *Playground) convert(name, language string, document []byte, out io.Writer) error {
	root := parse(document)
	eachLink(root, func(link *ast.Link) {
		relative, part, _ := strings.Cut(string(link.Destination), "#")
		if !isRelative(relative) {
			return
		}
		target, kept := path.Join(path.Dir(name), relative), language
		switch {
		case chineseName(target) == name:
			kept = "en"
		case p.translated(target, language):
			part = ""
		}
		relative += "?lang=" + kept
		if part != "" {
			relative += "#" + part
		}
		link.Destination = []byte(relative)
	})
	var html bytes.Buffer
	if err := markdown.Renderer().Render(&html, document, root); err != nil {
		return err
	}
	_, err := reachable.WriteString(out, html.String())
	return err
}

// links returns the relative links of a document, without their #parts.
func links(document []byte) (all []string) {
	eachLink(parse(document), func(link *ast.Link) {
		if name, _, _ := strings.Cut(string(link.Destination), "#"); isRelative(name) {
			all = append(all, name)
		}
	})
	return all
}

func isRelative(link string) bool { return link != "" && !strings.Contains(link, ":") }

func eachLink(root ast.Node, visit func(*ast.Link)) {
	_ = ast.Walk(root, func(node ast.Node, entering bool) (ast.WalkStatus, error) { // never fails
		if link, ok := node.(*ast.Link); ok && entering {
			visit(link)
		}
		return ast.WalkContinue, nil
	})
}

// anchors names headings as GitHub does: lower case, letters, digits, - and _ only, blanks
// as -. It implements parser.IDs for one document.
type anchors map[string]bool

// Generate implements parser.IDs.
func (a anchors) Generate(heading []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, string(bytes.TrimSpace(heading)))
	unique := name
	for n := 1; a[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	a[unique] = true
	return []byte(unique)
}

// Put implements parser.IDs.
func (a anchors) Put(name []byte) { a[string(name)] = true }
