package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	logline "sotercall/internal/journal"
	"sotercall/internal/openapi"
	"sotercall/internal/trigger"
)

// explanation is the result of explain.
type explanation struct {
	parsed  parsedEvent
	said    said
	verdict string // of the sandbox; "" if it was not called
}

const (
	// maxLine bounds a printed line, in bytes: a response with a hint has some hundreds.
	maxLine = 1 << 10
	// maxMembers bounds the members of an object that are printed.
	maxMembers = 24
)

// print prints it: a name at the left edge, then the values, a line each. The names are
// ours. The event's text stands after them, and cannot affect a terminal.
func (e explanation) print(out io.Writer) error {
	var b strings.Builder
	say := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-14s %s\n", name, logline.Sanitize(fmt.Sprintf(format, args...), maxLine))
	}
	say("door", "%s", sourceText(e.parsed.event))
	if r := e.parsed.event.Request; r != nil {
		say("request", "%s %s", r.Method, r.URL.EscapedPath())
	}
	say("caller", "%s", e.callerText())
	for _, m := range atMost(maxMembers, e.parsed.members) {
		e.field(say, m)
	}
	tellMore(say, len(e.parsed.members))
	b.WriteByte('\n')
	for i, line := range e.verdictText() {
		say([]string{"WeChat", ""}[min(i, 1)], "%s", line)
	}
	say("function", "%s", e.said.answer)
	say("mistake", "%s", e.mistake())
	_, err := io.WriteString(out, b.String())
	return err
}

func sourceText(event trigger.Event) string {
	switch {
	case event.Source == trigger.Direct:
		return "direct: a direct invocation, or a page's wx.cloud.callFunction"
	case event.Source == trigger.Unknown:
		return "unknown: " + event.Err.Error()
	case event.Source.IsTimer():
		return event.Source.String() + ": a timer, which asks nothing"
	case event.Err != nil:
		return event.Source.String() + ", broken: " + event.Err.Error()
	}
	return event.Source.String()
}

func (e explanation) callerText() string {
	switch openid, refused := e.parsed.caller.ResolveOpenID(""); {
	case e.parsed.snake:
		return "whoever holds the access_token in the query: your backend"
	case e.parsed.caller.IsBackend() && e.parsed.event.Request != nil:
		return "whoever the door lets in, by HTTP_AUTH: your backend"
	case e.parsed.caller.IsBackend():
		return "your backend, about any user (a page's user: -env WX_OPENID=…)"
	case e.parsed.caller.IsUser():
		return "the user " + openid + ", who may ask about himself"
	default:
		return "not known: " + refused.Message
	}
}

// field describes a member of the request.
func (e explanation) field(say func(name, format string, args ...any), m member) {
	switch m.name {
	case "jsonString", "json_string":
		say(m.name, "%s, %d bytes, in which the phone says:", kindOf(m), len(m.text()))
		said := resultMembers(m.text())
		for _, said := range atMost(maxMembers, said) {
			if text, known := about[said.name]; known {
				say("  "+said.name, "%s%s", text, shortened(string(said.value)))
			} else {
				say("  member", "%s: %s", quoted(said.name), shortened(string(said.value)))
			}
		}
		tellMore(say, len(said))
	case "jsonSignature", "json_signature":
		say(m.name, "%s, %d characters (phones on record send 344)", kindOf(m), len(m.text()))
	case "openid":
		say(m.name, "%s", shortened(string(m.value)))
	default:
		say("member", "%s: %s, which is not read", quoted(m.name), kindOf(m))
	}
}

func atMost(n int, all []member) []member { return all[:min(n, len(all))] }

// tellMore prints that not all of that number of members are printed.
func tellMore(say func(name, format string, args ...any), count int) {
	if more := count - maxMembers; more > 0 {
		say("", "and %d more members", more)
	}
}

// quoted returns a name from the event for display.
func quoted(name string) string { return strconv.Quote(shortened(name)) }

// about describes the members of a phone's result (WeChat, wx.startSoterAuthentication).
var about = map[string]string{
	"raw": "the challenge: ", "counter": "grows with each signature: ",
	"cpu_id": "the phone: ", "uid": "the app on it: ", "fid": "which finger: ",
	"tee_n": "the trusted environment: ", "tee_v": "its version: ",
	"fp_n": "the sensor: ", "fp_v": "its version: ",
	"rsa_pss_saltlen": "bytes of salt in the signature: ",
}

func kindOf(m member) string {
	switch m.value.Kind() {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	}
	return "null"
}

func shortened(text string) string {
	const most = 72
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// verdictText returns WeChat's verdict with its meaning.
func (e explanation) verdictText() []string {
	switch {
	case e.verdict == "":
		return []string{"is not asked: a parameter is missing"}
	case strings.Contains(e.verdict, `"is_ok":true`):
		return []string{e.verdict, "a phone of this user, in the sandbox, has signed exactly this text"}
	case strings.Contains(e.verdict, `"is_ok":false`):
		return []string{e.verdict, "no phone of this user, in the sandbox, has signed exactly this text"}
	case strings.Contains(e.verdict, strconv.Itoa(openapi.CodeInvalidOpenID)):
		return []string{e.verdict, "the sandbox knows no phone of this user; a real one it cannot judge"}
	}
	return []string{e.verdict}
}

// mistake returns the likely mistake.
func (e explanation) mistake() string {
	const none = "none to be seen: the text or the signature was changed, or another phone signed it"
	line := e.said.line
	code := openapi.LookUp(line.Code)
	_, message, _ := strings.Cut(line.Error, code.Text+". ")
	switch {
	case line.Outcome == "genuine":
		return "none"
	case line.Outcome == "wrong" && line.Hint != "":
		return line.Hint
	case line.Outcome == "wrong" && !strings.Contains(e.verdict, `"is_ok":false`):
		return line.Reason
	case line.Outcome == "wrong":
		return none
	case line.Code == openapi.CodeInvalidOpenID:
		return cmp.Or(openapi.Hint(e.parsed.request()), "none to be seen. If WeChat answers "+strconv.Itoa(line.Code)+", too: "+code.Do)
	case line.Code == openapi.CodeInvalidParam:
		return message
	case code.Text != "":
		return plain(message + ": " + code.Do)
	}
	return plain(code.Meaning + ": " + code.Do)
}

// plain returns Markdown as plain text for a terminal.
func plain(markdown string) string {
	return strings.ReplaceAll(link.ReplaceAllString(markdown, "docs/$1"), "`", "")
}

var link = regexp.MustCompile(`\[[^]]*\]\(([^)]*)\)`)
