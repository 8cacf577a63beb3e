package doctor

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// Status is the result of a line.
type Status string

// The statuses.
const (
	OK     Status = "ok"
	Failed Status = "FAIL"
	// Skipped says that it could not be tried, or that the result is unknown.
	Skipped Status = "skip"
)

// Line is one thing that was tried.
type Line struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	// Do says how to fix it; empty if there is nothing to fix.
	Do string `json:"do,omitzero"`
}

// Report is the result of a check.
type Report struct {
	Lines []Line
}

// Good reports whether no line has failed.
func (r Report) Good() bool {
	return !slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Status == Failed })
}

// Write writes the report as text, a line each, with the advice below.
func (r Report) Write(w io.Writer) error {
	width := 0
	for _, l := range r.Lines {
		width = max(width, len(l.Name))
	}
	var text strings.Builder
	for _, l := range r.Lines {
		fmt.Fprintf(&text, "%-4s  %-*s  %s\n", l.Status, width, l.Name, l.Text)
		if l.Do != "" {
			fmt.Fprintf(&text, "%*s  do: %s\n", width+6, "", l.Do)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (r *Report) ok(name, text string) { r.add(name, OK, text, "") }

func (r *Report) fail(name, text, do string) { r.add(name, Failed, text, do) }

func (r *Report) skip(name, text, do string) { r.add(name, Skipped, text, do) }

// add adds a line. Servers' texts may hold line breaks and terminal escapes, which it
// removes.
func (r *Report) add(name string, status Status, text, do string) {
	oneLine := func(text string) string {
		return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || !unicode.IsPrint(c) }), " ")
	}
	r.Lines = append(r.Lines, Line{name, status, cmp.Or(oneLine(text), string(status)), oneLine(do)})
}
