package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// table is the output of the demo: a row for each case, a column for each platform. It
// stays below 80 columns, except for requested JSON.
type table struct {
	out            io.Writer
	colours        colours
	verbose        bool
	answers, wrong int
}

const (
	lineWidth = 79
	// nameWidth is the width of a case's name and reason. Each platform's column after them
	// has 6.
	nameWidth = 61
)

// columns are the headings of the platforms' columns; begin prints the full names.
const columns = "Lambda SCF Hosting"

// next is the advice after the demo.
const next = `
What next
  go run ./scripts/local        the playground, on http://127.0.0.1:9000
  go run ./scripts/local help   all commands
  examples/README.md            a Mini Program, a backend and clients, to copy
  docs/walkthrough.md           from the page to the answer, step by step
  README.md                     the call, the platforms, all documents
`

func (t *table) print(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// begin prints the introduction, before the functions are built.
func (t *table) begin() {
	t.print("A phone signs, WeChat (here: the sandbox) judges, the function answers:")
	t.print("on AWS Lambda, on Tencent SCF, and in WeChat Cloud Hosting.")
	t.print("✓ is isOk:true. ✗ is isOk:false, for the reason in the function's log.")
}

// heading begins a group of cases.
func (t *table) heading(text string) {
	t.print("\n%s%s", pad(text, nameWidth), t.colours.dim(columns))
}

// row prints the responses to a case.
func (t *table) row(c demoCase, cells []cell) {
	text := c.name
	if c.want.reason != "" {
		text += ": " + c.want.reason
	}
	line := t.mark(c.want.isOK) + " " + pad(text, nameWidth-2)
	for _, cell := range cells {
		t.answers++
		if cell.problem == "" {
			line += "  " + t.mark(cell.got.isOK) + "   "
			continue
		}
		t.wrong++
		line += t.colours.alarm("WRONG") + " "
	}
	t.print("%s", strings.TrimRight(line, " "))
	for _, cell := range cells {
		if cell.problem != "" {
			t.print("%s", wrap(fmt.Sprintf("WRONG: %s answered %v; %s", cell.platform.title, cell.got, cell.problem), "    "))
		}
		if t.verbose {
			t.print("    %-6s %3d %6.1f ms  %s", cell.platform.name, cell.reply.status, milliseconds(cell.reply.duration), harmlessJSON(cell.reply.answer))
		}
	}
}

func (t *table) mark(isOK bool) string {
	if isOK {
		return t.colours.green("✓")
	}
	return "✗"
}

// end prints the summary, and the next steps.
func (t *table) end(tokens int) {
	t.print("")
	if t.wrong > 0 {
		t.print("%s", t.colours.alarm(fmt.Sprintf("%d answers, %d of them WRONG.", t.answers, t.wrong)))
		return
	}
	t.print("%d answers, all ok. Access tokens fetched from WeChat: %d.", t.answers, tokens)
	fmt.Fprint(t.out, next)
}

// pad fills text up to a width with blanks.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// wrap breaks text into lines of at most lineWidth, each after indent: between words, or
// within one that is longer than a line.
func wrap(text, indent string) string {
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(text) {
		if line != indent && utf8.RuneCountInString(line+" "+word) > lineWidth {
			lines, line = append(lines, line), indent
		}
		if line != indent {
			line += " "
		}
		line += word
		for utf8.RuneCountInString(line) > lineWidth {
			runes := []rune(line)
			lines, line = append(lines, string(runes[:lineWidth])), indent+string(runes[lineWidth:])
		}
	}
	return strings.Join(append(lines, line), "\n")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
