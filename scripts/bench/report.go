package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"sotercall/internal/dev/hosting"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Spread summarizes repeated measurements.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"` // the number of measurements
}

// spreadOf needs at least one sample.
func spreadOf(samples []float64) Spread {
	sorted := slices.Sorted(slices.Values(samples))
	n := len(sorted)
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], N: n}
}

// Unit is the unit of a figure. It decides how many decimals are shown.
type Unit string

// The units.
const (
	Milliseconds Unit = "ms"
	Microseconds Unit = "µs"
	Megabytes    Unit = "MB" // 10^6 bytes
	PerSecond    Unit = "/s"
	Count        Unit = ""
)

func (u Unit) format(v float64) string {
	switch u {
	case Microseconds, Megabytes, Milliseconds:
		return fmt.Sprintf("%.*f", max(0, 2-int(math.Log10(max(v, 1)))), v)
	case Count:
		return fmt.Sprintf("%g", math.Round(v*1000)/1000)
	}
	return fmt.Sprintf("%.0f", v)
}

func (u Unit) spread(s Spread) string {
	text := u.format(s.Median)
	if s.Min != s.Max {
		text += fmt.Sprintf(" (%s–%s)", u.format(s.Min), u.format(s.Max))
	}
	return strings.TrimSpace(text + " " + string(u))
}

// Goal is the required value of a ratio. Without a baseline it applies to the figure
// itself. Then every measurement must equal Value, or, for Fixed, all must be the same.
type Goal struct {
	Is    Comparison `json:"is"`
	Value float64    `json:"value,omitzero"`
}

// Comparison is how a ratio is compared with a Goal.
type Comparison string

// The comparisons.
const (
	AtMost  Comparison = "≤"
	AtLeast Comparison = "≥"
	Exactly Comparison = "exactly"
	Fixed   Comparison = "fixed"
	// Informative is no goal: the figure is only shown.
	Informative Comparison = "for information"
)

func (g Goal) String() string {
	switch {
	case g.Is == Fixed:
		return "a fixed number"
	case g.Is == Informative:
		return ""
	case g.Value < 0.1:
		return fmt.Sprintf("%s 1/%.0f", g.Is, 1/g.Value)
	}
	return fmt.Sprintf("%s %g", g.Is, g.Value)
}

// Figure is one row: a measurement, its baseline, and the required ratio.
type Figure struct {
	Name     string `json:"figure"`
	Unit     Unit   `json:"unit"`
	Ours     Spread `json:"ours"`
	Against  string `json:"against,omitzero"` // the baseline; "" for none
	Baseline Spread `json:"baseline,omitzero"`
	// Ratio is that of ours to the baseline, turn by turn. If the computer grows slower, it
	// does so for both sides of a turn.
	Ratio Spread `json:"ratio,omitzero"`
	Goal  Goal   `json:"goal"`
	// Missing says why the figure could not be measured; all numbers are 0 then.
	Missing string `json:"missing,omitzero"`
}

// against compares samples of ours with those of a baseline, one by one.
func (f Figure) against(baseline string, ours, theirs []float64, goal Goal) Figure {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	f.Against, f.Goal = baseline, goal
	f.Ours, f.Baseline, f.Ratio = spreadOf(ours), spreadOf(theirs), spreadOf(ratios)
	return f
}

// Reached reports whether the figure meets its goal. A missing figure does not.
func (f Figure) Reached() bool {
	switch {
	case f.Missing != "":
		return false
	case f.Goal.Is == Informative:
		return true
	case f.Goal.Is == AtMost:
		return f.Ratio.Median <= f.Goal.Value
	case f.Goal.Is == AtLeast:
		return f.Ratio.Median >= f.Goal.Value
	case f.Goal.Is == Exactly:
		return f.Ours.Min == f.Goal.Value && f.Ours.Max == f.Goal.Value
	default: // Fixed
		return f.Ours.Min == f.Ours.Max
	}
}

// shortfall returns by how much a measured figure misses its goal.
func (f Figure) shortfall() string {
	switch f.Goal.Is {
	case AtMost, AtLeast:
		return fmt.Sprintf("%s, which is %.1f %% off %s", ratioText(f.Ratio.Median), 100*math.Abs(f.Ratio.Median/f.Goal.Value-1), f.Goal)
	default:
		return fmt.Sprintf("between %g and %g, not %s", f.Ours.Min, f.Ours.Max, f.Goal)
	}
}

func ratioText(r float64) string {
	if r < 0.1 {
		return fmt.Sprintf("1/%.0f", 1/r)
	}
	return fmt.Sprintf("%.2f", r)
}

// Report is one run.
type Report struct {
	Date    string          `json:"date"` // year-month-day
	Machine hosting.Machine `json:"machine"`
	Figures []Figure        `json:"figures"`
}

// writeJSON writes the report with the verdicts that the table shows.
func (r Report) writeJSON(w io.Writer) error {
	type row struct {
		Figure
		Reached bool `json:"reached"`
	}
	rows := make([]row, len(r.Figures))
	for i, f := range r.Figures {
		rows[i] = row{f, f.Reached()}
	}
	err := json.MarshalWrite(w, struct {
		Date    string          `json:"date"`
		Machine hosting.Machine `json:"machine"`
		Figures []row           `json:"figures"`
	}{r.Date, r.Machine, rows}, jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

// writeMarkdown writes the table, and below it the missed goals.
func (r Report) writeMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s on %s. Medians, with minimum and maximum; ours and the baseline in turns, and the ratio is that of a turn.\n\n", r.Date, r.Machine)
	b.WriteString("| figure | ours | baseline | ratio | must reach | |\n|---|---|---|---|---|---|\n")
	var short []string
	for _, f := range r.Figures {
		b.WriteString(f.row())
		if f.Missing == "" && !f.Reached() {
			short = append(short, f.Name+": "+f.shortfall())
		}
	}
	if len(short) > 0 {
		b.WriteString("\nNot reached:\n\n")
		for _, line := range short {
			b.WriteString("- " + line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f Figure) row() string {
	if f.Missing != "" {
		return fmt.Sprintf("| %s | not measured: %s | %s | | %s | |\n", f.Name, strings.ReplaceAll(f.Missing, "\n", " "), f.Against, f.Goal)
	}
	baseline, ratio, verdict := "", "", "reached"
	if f.Against != "" {
		baseline, ratio = f.Against+": "+f.Unit.spread(f.Baseline), ratioText(f.Ratio.Median)
	}
	switch {
	case f.Goal.Is == Informative:
		verdict = ""
	case !f.Reached():
		verdict = "**not reached**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", f.Name, f.Unit.spread(f.Ours), baseline, ratio, f.Goal, verdict)
}
