package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

var (
	// fenced is a block of code in Markdown.
	fenced = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	// inline is code within a line.
	inline = regexp.MustCompile("`[^`\n]*`")
	// linked is the target of a link.
	linked = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// heading is the text of a heading.
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// rowOrItem begins a text of its own: a row of a table, an item of a list, a heading.
	rowOrItem = regexp.MustCompile(`(?m)^[ \t]*(\||[-*] |\d+\. |#)`)
)

// checkPage returns the findings in the text of an English page: words of the dialect, and
// long sentences. It does not read code, and no sentences of tables.
func checkPage(name, text string) (findings []string) {
	text = inline.ReplaceAllString(fenced.ReplaceAllString(text, ""), "code")
	for paragraph := range strings.SplitSeq(rowOrItem.ReplaceAllString(text, "\n$0"), "\n\n") {
		joined := strings.Join(strings.Fields(paragraph), " ")
		for _, word := range pageDialect.FindAllString(joined, -1) {
			findings = append(findings, fmt.Sprintf("%s: %q makes a reader read twice: %s", name, word, joined))
		}
		if strings.HasPrefix(joined, "|") {
			continue
		}
		for _, sentence := range longSentences(joined, maxPageWords) {
			findings = append(findings, fmt.Sprintf("%s: more than %d words: %s", name, maxPageWords, sentence))
		}
	}
	return findings
}

// checkLinks returns the relative links of a page, below root, that lead nowhere: to no
// file, or to no heading of one.
func checkLinks(root, name, text string) (findings []string) {
	for _, link := range linked.FindAllStringSubmatch(text, -1) {
		target, part, _ := strings.Cut(link[1], "#")
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		file := filepath.Join(root, filepath.Dir(name), target)
		if target == "" {
			file = filepath.Join(root, name)
		}
		if !leads(file, part) {
			findings = append(findings, fmt.Sprintf("%s: the link %s leads nowhere", name, link[1]))
		}
	}
	return findings
}

// leads reports whether a file or folder exists and, if part is not empty, has that heading.
func leads(file, part string) bool {
	if part == "" {
		_, err := os.Stat(file)
		return err == nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for _, found := range heading.FindAllStringSubmatch(string(content), -1) {
		if anchor(found[1]) == part {
			return true
		}
	}
	return false
}

// anchor returns GitHub's name for a heading: lower case, letters, digits, - and _ only,
// blanks as -.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
