package main

import (
	"regexp"
	"strings"
)

// maxWords bounds a sentence of a doc comment, and maxPageWords one of a page.
const (
	maxWords     = 25
	maxPageWords = 40
)

// dialect are the words that cost a second reading. Some begin inverted sentences; others
// replace the usual word, such as request or endpoint.
var dialect = regexp.MustCompile(`(?i)\b(who|whom|of which|doors?|questions?|told|the way)\b`)

// pageDialect are those of them that pages must not have either. The others stand in
// messages, which pages quote.
var pageDialect = regexp.MustCompile(`(?i)\b(whom|of which|doors?|told|the way)\b`)

// sentenceEnd is the end of a sentence before another one.
var sentenceEnd = regexp.MustCompile(`[.?!][)"”*]*\s+`)

// longSentences returns the sentences of a paragraph with more than most words.
func longSentences(paragraph string, most int) (long []string) {
	ended := sentenceEnd.ReplaceAllString(paragraph, "$0\x00")
	for sentence := range strings.SplitSeq(ended, "\x00") {
		if words := strings.Fields(sentence); len(words) > most {
			long = append(long, strings.Join(words[:6], " ")+" …")
		}
	}
	return long
}
