package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"sotercall/scripts/local/texts"
)

// table is what the demo prints: a row for each case, a column for each platform. It stays
// below 80 columns, except for the JSON of -v. A name that leaves no room for the platforms
// goes on in a second line.
type table struct {
	texts.Table
	out            io.Writer
	colours        colours
	verbose        bool
	answers, wrong int
}

const (
	lineWidth = 79
	// cellWidth is that of a platform's column, with the mark of a response in its middle.
	cellWidth = 6
	// wrongWidth is that of the mark of a wrong response.
	wrongWidth = 5
)

// nameWidth is that of a case's name and reason, in front of the columns.
var nameWidth = lineWidth - cellWidth*len(platforms)

func (t *table) print(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// begin prints what there is to know before the functions are built.
func (t *table) begin() {
	t.print("%s", t.Say("demo.begin"))
}

// heading begins a group of cases. The columns of platforms are named there.
func (t *table) heading(name string) {
	t.print("\n%s%s", fill(t.Say("demo.heading."+name), "", nameWidth), t.colours.dim(columnNames(platforms, t.Table)))
}

// columnNames has the name of each platform above the middle of its column, or as near as
// the name before allows.
func columnNames(all []platform, table texts.Table) (line string) {
	for i, p := range all {
		name := p.column(table)
		if line != "" {
			line += " "
		}
		line = pad(line, i*cellWidth+cellWidth/2-1-columns(name)/2) + name
	}
	return line
}

// row shows how a case was answered.
func (t *table) row(c demoCase, cells []cell) {
	line := t.mark(c.want.isOK) + strings.TrimPrefix(fill(c.title(t.Table), "  ", nameWidth), " ")
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
			t.print("%s", wrap(t.Say("demo.wrong.row", cell.platform.title, cell.got, cell.problem), "    ", lineWidth))
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
