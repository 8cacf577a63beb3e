package main

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxColumns bounds a line with a comment. A tab counts as four.
const maxColumns = 100

var (
	// directive is the beginning of a comment for a tool, such as //go:embed.
	directive = regexp.MustCompile(`^//[a-z0-9]+:[a-z0-9]`)
	// fileName is a name such as question.json, which is no word.
	fileName = regexp.MustCompile(`\w+\.(json|go|md)\b`)
)

// checkComments returns the findings in the comments of a Go file, each with its place.
// They are words of the dialect, long lines, and, in doc comments, long sentences.
func checkComments(name string, source []byte) (findings []string, err error) {
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	report := func(line int, format string, args ...any) {
		findings = append(findings, fmt.Sprintf("%s:%d: ", name, line)+fmt.Sprintf(format, args...))
	}
	lines := strings.Split(string(source), "\n")
	declared := exportedTypes(file)
	for _, group := range file.Comments {
		first := positions.Position(group.Pos()).Line
		for number := first; number <= positions.Position(group.End()).Line; number++ {
			if isLong(lines[number-1]) {
				report(number, "more than %d columns", maxColumns)
			}
		}
		// As one line, because a phrase may stand in two.
		text := strings.Join(strings.Fields(group.Text()), " ")
		for _, word := range dialect.FindAllString(fileName.ReplaceAllString(text, ""), -1) {
			if !declared[word] {
				report(first, "%q makes a reader read twice", word)
			}
		}
	}
	for _, doc := range docComments(file) {
		for _, paragraph := range paragraphs(doc) {
			for _, sentence := range longSentences(paragraph, maxWords) {
				report(positions.Position(doc.Pos()).Line, "more than %d words: %s", maxWords, sentence)
			}
		}
	}
	return findings, nil
}

// exportedTypes returns the names of the exported types in a file. A comment may name them.
func exportedTypes(file *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
			names[spec.Name.Name] = true
		}
		return true
	})
	return names
}

// isLong reports whether a line with a comment has too many columns. A directive, and a
// comment of one word, such as an address, may be as long as they are.
func isLong(line string) bool {
	text := strings.TrimSpace(line)
	if directive.MatchString(text) || len(strings.Fields(strings.TrimPrefix(text, "//"))) == 1 {
		return false
	}
	return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    ")) > maxColumns
}

// paragraphs returns the texts of a doc comment without code. An item of a list is a
// paragraph, and a link is a word.
func paragraphs(doc *ast.CommentGroup) (texts []string) {
	var parser comment.Parser
	for _, block := range parser.Parse(doc.Text()).Content {
		blocks := []comment.Block{block}
		if list, ok := block.(*comment.List); ok {
			blocks = nil
			for _, item := range list.Items {
				blocks = append(blocks, item.Content...)
			}
		}
		for _, block := range blocks {
			var text strings.Builder
			walk(block, func(t comment.Text) {
				switch t := t.(type) {
				case comment.Plain:
					text.WriteString(string(t))
				case comment.Italic:
					text.WriteString(string(t))
				default:
					text.WriteString("link")
				}
			})
			texts = append(texts, text.String())
		}
	}
	return texts
}
