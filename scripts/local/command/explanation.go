package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	logline "sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/trigger"
	"sotercall/scripts/local/language"
	"sotercall/scripts/local/texts"
)

// explanation is all that explain found out.
type explanation struct {
	texts.Table
	question parsedEvent
	said     said
	verdict  string // of WeChat's stand-in; "" if it was not asked
}

const (
	// maxLine bounds a line of what is printed, in bytes: an answer with a hint has
	// some hundreds.
	maxLine = 1 << 10
	// maxMembers bounds the members of an object that are printed.
	maxMembers = 24
)

// print prints it: a name at the left edge, then what is known, a line each. The names
// are ours. What the event says stands behind them, and can do nothing to a terminal.
func (e explanation) print(out io.Writer) error {
	var b strings.Builder
	say := func(name, text string) {
		fmt.Fprintf(&b, "%s %s\n", pad(name, 14), logline.Sanitize(text, maxLine))
	}
	say(e.Say("explain.source"), e.sourceText())
	if r := e.question.event.Request; r != nil {
		say(e.Say("explain.request"), r.Method+" "+r.URL.EscapedPath())
	}
	say(e.Say("explain.caller"), e.callerText())
	for _, m := range atMost(maxMembers, e.question.members) {
		e.field(say, m)
	}
	e.tellMore(say, len(e.question.members))
	b.WriteByte('\n')
	for i, line := range e.verdictText() {
		say([]string{e.Say("explain.wechat"), ""}[min(i, 1)], line)
	}
	say(e.Say("explain.function"), e.said.answer)
	say(e.Say("explain.mistake"), e.mistake())
	_, err := io.WriteString(out, b.String())
	return err
}

func (e explanation) sourceText() string {
	event := e.question.event
	switch {
	case event.Source == trigger.Direct:
		return e.Say("source.direct")
	case event.Source == trigger.Unknown:
		return e.Say("source.unknown", event.Err)
	case event.Source.IsTimer():
		return e.Say("source.timer", event.Source)
	case event.Err != nil:
		return e.Say("source.broken", event.Source, event.Err)
	}
	return event.Source.String()
}

func (e explanation) callerText() string {
	switch openid, refused := e.question.caller.ResolveOpenID(""); {
	case e.question.snake:
		return e.Say("caller.token")
	case e.question.caller.IsBackend() && e.question.event.Request != nil:
		return e.Say("caller.http")
	case e.question.caller.IsBackend():
		return e.Say("caller.backend")
	case e.question.caller.IsUser():
		return e.Say("caller.user", openid)
	default:
		return e.Say("caller.unknown", refused.Message)
	}
}

// field says of a member of the request what it is.
func (e explanation) field(say func(name, text string), m member) {
	switch m.name {
	case "jsonString", "json_string":
		say(m.name, e.Say("member.text", e.kindOf(m), len(m.text())))
		said := resultMembers(m.text())
		for _, said := range atMost(maxMembers, said) {
			value := shortened(string(said.value))
			if about := "says." + said.name; e.Has(about) {
				say("  "+said.name, e.Say("member.other", e.Say(about), value))
			} else {
				say("  "+e.Say("explain.member"), e.Say("member.other", quoted(said.name), value))
			}
		}
		e.tellMore(say, len(said))
	case "jsonSignature", "json_signature":
		say(m.name, e.Say("member.signature", e.kindOf(m), len(m.text())))
	case "openid":
		say(m.name, shortened(string(m.value)))
	default:
		say(e.Say("explain.member"), e.Say("member.ignored", quoted(m.name), e.kindOf(m)))
	}
}

func atMost(n int, all []member) []member { return all[:min(n, len(all))] }

// tellMore says that not all of so many members are printed.
func (e explanation) tellMore(say func(name, text string), count int) {
	if more := count - maxMembers; more > 0 {
		say("", e.Say("member.more", more))
	}
}

// quoted is a name that the event has chosen.
func quoted(name string) string { return strconv.Quote(shortened(name)) }

var kinds = map[jsontext.Kind]string{'"': "string", '{': "object", '[': "array", '0': "number", 't': "boolean", 'f': "boolean", 'n': "null"}

func (e explanation) kindOf(m member) string { return e.Say("kind." + kinds[m.value.Kind()]) }

func shortened(text string) string {
	const most = 72
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// verdictText is what WeChat would respond, and what that means.
func (e explanation) verdictText() []string {
	switch {
	case e.verdict == "":
		return []string{e.Say("wechat.none")}
	case strings.Contains(e.verdict, `"is_ok":true`):
		return []string{e.verdict, e.Say("wechat.signed")}
	case strings.Contains(e.verdict, `"is_ok":false`):
		return []string{e.verdict, e.Say("wechat.unsigned")}
	case strings.Contains(e.verdict, strconv.Itoa(openapi.CodeInvalidOpenID)):
		return []string{e.verdict, e.Say("wechat.stranger")}
	}
	return []string{e.verdict}
}

// mistake is the likely mistake.
func (e explanation) mistake() string {
	line := e.said.line
	meaning, do := texts.Code(e.Language, line.Code)
	_, message, _ := strings.Cut(line.Error, openapi.LookUp(line.Code).Text+". ")
	switch {
	case line.Outcome == "genuine":
		return e.Say("mistake.none")
	case line.Outcome == "wrong" && line.Hint != "":
		return e.hint(line.Hint)
	case line.Outcome == "wrong" && !strings.Contains(e.verdict, `"is_ok":false`):
		return texts.Reason(e.Language, line.Reason)
	case line.Outcome == "wrong":
		return e.Say("mistake.unseen")
	case line.Code == openapi.CodeInvalidOpenID:
		if hint := openapi.Hint(e.question.request()); hint != "" {
			return e.hint(hint)
		}
		return e.Say("mistake.openid", line.Code, e.plain(do))
	case line.Code == openapi.CodeInvalidParam:
		return e.hint(message)
	case openapi.LookUp(line.Code).Text != "":
		return e.Say("mistake.code", message, e.plain(do))
	}
	return e.Say("mistake.code", e.plain(meaning), e.plain(do))
}

// hint explains what a function says of a request, in its own words.
func (e explanation) hint(said string) string {
	if text := texts.Hint(e.Language, said); text != "" {
		return e.Say("mistake.hint", text, said)
	}
	return said
}

// plain returns a document's Markdown as a terminal shows it.
func (e explanation) plain(markdown string) string {
	folder := map[string]string{language.English: "docs/", language.Chinese: "docs/zh-CN/"}[e.Language]
	return strings.ReplaceAll(link.ReplaceAllString(markdown, folder+"$1"), "`", "")
}

var link = regexp.MustCompile(`\[[^]]*\]\(([^)]*)\)`)
