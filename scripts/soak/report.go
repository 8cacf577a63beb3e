package main

import (
	"fmt"
	"io"
	"strings"

	"sotercall/internal/dev/hosting"
)

// Report is the result of a mixed load.
type Report struct {
	Date       string
	Machine    hosting.Machine
	Seconds    float64
	Rounds     int
	Troubles   int // the number of kinds
	Platforms  []PlatformResult
	Goroutines Change[int] // of this process: the emulators and the upstream
	Panics     int         // lines in the functions' log about a panic
	Races      int         // about a data race
	Secrets    int         // with a secret
	Suspect    []string    // the first of these lines
}

// PlatformResult is the result of one platform's function.
type PlatformResult struct {
	Platform       string
	Calls          int
	Wrong          int // unexpected responses
	FunctionErrors int
	Complaints     []string      // the first of both
	Resident       Change[int64] // bytes
	Descriptors    Change[int]
	Unmeasured     string // why the last two could not be measured
}

// Change is a number at the start and at the end of the load.
type Change[T int | int64] struct{ Start, End T }

const maxComplaints = 10

func (r *PlatformResult) complain(format string, args ...any) {
	if len(r.Complaints) < maxComplaints {
		r.Complaints = append(r.Complaints, fmt.Sprintf("%.500s", fmt.Sprintf(format, args...)))
	}
}

// In a trouble each worker may have left an idle connection: so many more at the end are no
// leak.
const slack = 2 * workers

// Problems returns all reasons to call the load failed.
func (r Report) Problems() []string {
	var problems []string
	count := func(n int, what string) {
		if n > 0 {
			problems = append(problems, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, p := range r.Platforms {
		count(p.Wrong, "wrong answers on "+p.Platform)
		count(p.FunctionErrors, "function errors on "+p.Platform)
		if p.Descriptors.End > p.Descriptors.Start+slack {
			problems = append(problems, fmt.Sprintf("file descriptors on %s went from %d to %d", p.Platform, p.Descriptors.Start, p.Descriptors.End))
		}
		problems = append(problems, p.Complaints...)
	}
	// Each connection has a goroutine or two here, on either platform.
	if r.Goroutines.End > r.Goroutines.Start+2*slack*len(r.Platforms) {
		problems = append(problems, fmt.Sprintf("goroutines went from %d to %d", r.Goroutines.Start, r.Goroutines.End))
	}
	count(r.Panics, "panics in the log")
	count(r.Races, "data races in the log")
	count(r.Secrets, "secrets in the log")
	return append(problems, r.Suspect...)
}

func (r Report) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s: %.0f s, %d rounds in %d kinds of trouble.\n\n", r.Date, r.Machine, r.Seconds, r.Rounds, r.Troubles)
	b.WriteString("| | " + r.row(func(p PlatformResult) string { return p.Platform }))
	b.WriteString("|---|" + strings.Repeat("---|", len(r.Platforms)) + "\n")
	b.WriteString("| calls | " + r.row(func(p PlatformResult) string { return fmt.Sprint(p.Calls) }))
	b.WriteString("| wrong answers | " + r.row(func(p PlatformResult) string { return fmt.Sprint(p.Wrong) }))
	b.WriteString("| function errors | " + r.row(func(p PlatformResult) string { return fmt.Sprint(p.FunctionErrors) }))
	b.WriteString("| resident memory, MB | " + r.row(func(p PlatformResult) string {
		return p.measured("%.1f → %.1f", float64(p.Resident.Start)/1e6, float64(p.Resident.End)/1e6)
	}))
	b.WriteString("| file descriptors | " + r.row(func(p PlatformResult) string {
		return p.measured("%d → %d", p.Descriptors.Start, p.Descriptors.End)
	}))
	fmt.Fprintf(&b, "\nGoroutines of the emulators and the upstream: %d → %d. In the functions' log: %d panics, %d data races, %d secrets.\n",
		r.Goroutines.Start, r.Goroutines.End, r.Panics, r.Races, r.Secrets)
	for _, problem := range r.Problems() {
		b.WriteString("\n- " + problem)
	}
	if len(r.Problems()) > 0 {
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) row(cell func(PlatformResult) string) string {
	var b strings.Builder
	for _, p := range r.Platforms {
		b.WriteString(cell(p) + " | ")
	}
	return strings.TrimSpace(b.String()) + "\n"
}

func (p PlatformResult) measured(format string, args ...any) string {
	if p.Unmeasured != "" {
		return "not measured: " + p.Unmeasured
	}
	return fmt.Sprintf(format, args...)
}
