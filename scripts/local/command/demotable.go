package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"sotercall/scripts/local/texts"
)

// table is what the demo prints: a row for each case, a column for each platform. It stays
// below 80 columns, except for the JSON of -v.
type table struct {
	texts.Table
	out            io.Writer
	colours        colours
	verbose        bool
	answers, wrong int
}

const (
	lineWidth = 79
	// nameWidth is that of a case's name and reason. Each platform's column behind
	// them has 6.
	nameWidth = 61
	// wrongWidth is that of the mark of a wrong response.
	wrongWidth = 5
)

func (t *table) print(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// begin prints what there is to know before the functions are built.
func (t *table) begin() {
	t.print("%s", t.Say("demo.begin"))
}

// heading begins a group of cases. The columns of platforms are named there.
func (t *table) heading(name string) {
	t.print("\n%s%s", pad(t.Say("demo.heading."+name), nameWidth), t.colours.dim(t.Say("demo.columns")))
}

// row shows how a case was answered.
func (t *table) row(c demoCase, cells []cell) {
	line := t.mark(c.want.isOK) + " " + pad(c.title(t.Table), nameWidth-2)
	for _, cell := range cells {
		t.answers++
		if cell.problem == "" {
			line += "  " + t.mark(cell.got.isOK) + "   "
			continue
		}
		t.wrong++
		line += t.colours.alarm(pad(t.Say("demo.wrong"), wrongWidth)) + " "
	}
	t.print("%s", strings.TrimRight(line, " "))
	for _, cell := range cells {
		if cell.problem != "" {
			t.print("%s", wrap(t.Say("demo.wrong.row", cell.platform.title, cell.got, cell.problem), "    "))
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

// end sums up, and says what to do next.
func (t *table) end(tokens int) {
	t.print("")
	if t.wrong > 0 {
		t.print("%s", t.colours.alarm(t.Say("demo.end.wrong", t.answers, t.wrong)))
		return
	}
	t.print("%s", t.Say("demo.end", t.answers, tokens))
	t.print("%s", t.Say("demo.next"))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
