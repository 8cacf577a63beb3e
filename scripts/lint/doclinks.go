package main

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/types"
	"regexp"
	"strings"

	"golang.org/x/tools/go/packages"
)

// docLinks returns the doc links of the packages in dir that lead nowhere, each with its
// place. Tests are not read.
func docLinks(dir string, patterns ...string) ([]string, error) {
	const mode = packages.NeedName | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedFiles
	loaded, err := packages.Load(&packages.Config{Dir: dir, Mode: mode}, patterns...)
	if err != nil {
		return nil, err
	}
	var findings []string
	for _, p := range loaded {
		for _, e := range p.Errors {
			return nil, e
		}
		scope := newScope(p)
		for _, file := range p.Syntax {
			for _, doc := range docComments(file) {
				for _, name := range scope.dead(doc.Text()) {
					findings = append(findings, fmt.Sprintf("%s: [%s] leads nowhere", p.Fset.Position(doc.Pos()), name))
				}
			}
		}
	}
	return findings, nil
}

// docComments returns the comments of a file that go/doc shows, or shows with -u.
func docComments(file *ast.File) (docs []*ast.CommentGroup) {
	ast.Inspect(file, func(n ast.Node) bool {
		var doc *ast.CommentGroup
		switch n := n.(type) {
		case *ast.File:
			doc = n.Doc
		case *ast.GenDecl:
			doc = n.Doc
		case *ast.FuncDecl:
			doc = n.Doc
		case *ast.TypeSpec:
			doc = n.Doc
		case *ast.ValueSpec:
			doc = n.Doc
		case *ast.Field:
			doc = n.Doc
		case *ast.BlockStmt:
			return false
		}
		if doc != nil {
			docs = append(docs, doc)
		}
		return true
	})
	return docs
}

// scope is what the doc links of a package may name.
type scope struct {
	own      *types.Package
	imported map[string]*types.Package // by the name that a file has for it, and by path
}

func newScope(p *packages.Package) scope {
	s := scope{p.Types, map[string]*types.Package{p.Name: p.Types, p.PkgPath: p.Types}}
	for _, file := range p.Syntax {
		for _, spec := range file.Imports {
			if found := p.TypesInfo.PkgNameOf(spec); found != nil {
				s.imported[found.Name()] = found.Imported()
				s.imported[found.Imported().Path()] = found.Imported()
			}
		}
	}
	return s
}

// bracketed is a text that may be meant as a doc link. go/doc shows it as it stands if the
// name is not exported, or no file imports the package.
var bracketed = regexp.MustCompile(`(?:^|[^"])\[\*?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,2})\]`)

// dead returns the links in text that lead nowhere.
func (s scope) dead(text string) (names []string) {
	parser := &comment.Parser{
		LookupPackage: func(name string) (string, bool) {
			p := s.imported[name]
			if p == nil {
				return "", false
			}
			return p.Path(), true
		},
		LookupSym: func(receiver, name string) bool { return declares(s.own, receiver, name) },
	}
	for _, block := range parser.Parse(text).Content {
		walk(block, func(t comment.Text) {
			switch t := t.(type) {
			case comment.Plain:
				for _, found := range bracketed.FindAllStringSubmatch(string(t), -1) {
					if s.isMeant(found[1]) {
						names = append(names, found[1])
					}
				}
			case *comment.DocLink:
				p, known := s.own, t.ImportPath == ""
				if !known {
					p, known = s.imported[t.ImportPath]
				}
				if known && t.Name != "" && !declares(p, t.Recv, t.Name) {
					names = append(names, strings.Trim(t.ImportPath+"."+strings.TrimPrefix(t.Recv+"."+t.Name, "."), "."))
				}
			}
		})
	}
	return names
}

// isMeant reports whether a text in brackets is meant as a doc link. Others are words,
// such as [redacted].
func (s scope) isMeant(text string) bool {
	return ast.IsExported(text) || strings.Contains(text, ".") || declares(s.own, "", text)
}

// walk calls visit for the texts of a block, but for code.
func walk(block comment.Block, visit func(comment.Text)) {
	var texts []comment.Text
	switch b := block.(type) {
	case *comment.Paragraph:
		texts = b.Text
	case *comment.Heading:
		texts = b.Text
	case *comment.List:
		for _, item := range b.Items {
			for _, inner := range item.Content {
				walk(inner, visit)
			}
		}
	}
	for _, t := range texts {
		visit(t)
	}
}

// declares reports whether a package has a name or, with a receiver, whether that type has
// a method or a field of the name.
func declares(p *types.Package, receiver, name string) bool {
	if receiver == "" {
		return p.Scope().Lookup(name) != nil
	}
	of := p.Scope().Lookup(receiver)
	if of == nil {
		return false
	}
	found, _, _ := types.LookupFieldOrMethod(of.Type(), true, p, name)
	return found != nil
}
