package main

import (
	"bytes"
	"testing"

	"sotercall/internal/dev/hosting"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func one(v float64) Spread { return Spread{Median: v, Min: v, Max: v, N: 1} }

func TestSpread(t *testing.T) {
	assert.Equal(t, Spread{Median: 2, Min: 1, Max: 9, N: 3}, spreadOf([]float64{9, 1, 2}))
	assert.Equal(t, Spread{Median: 3, Min: 1, Max: 9, N: 4}, spreadOf([]float64{9, 1, 2, 4}))
	assert.Equal(t, one(5), spreadOf([]float64{5}))
}

func TestGoals(t *testing.T) {
	against := func(ours, baseline float64, g Goal) Figure {
		return Figure{}.against("baseline", []float64{ours}, []float64{baseline}, g)
	}
	for name, c := range map[string]struct {
		figure  Figure
		reached bool
	}{
		"at most":             {against(115, 100, Goal{AtMost, 1.15}), true},
		"more than at most":   {against(116, 100, Goal{AtMost, 1.15}), false},
		"at least":            {against(80, 100, Goal{AtLeast, 0.8}), true},
		"less than at least":  {against(79, 100, Goal{AtLeast, 0.8}), false},
		"a fortieth":          {against(1, 40, Goal{AtMost, 1.0 / 40}), true},
		"exactly":             {Figure{Ours: one(1), Goal: Goal{Exactly, 1}}, true},
		"exactly, not always": {Figure{Ours: Spread{Median: 1, Min: 1, Max: 1.1, N: 3}, Goal: Goal{Exactly, 1}}, false},
		"fixed":               {Figure{Ours: one(39), Goal: Goal{Is: Fixed}}, true},
		"not fixed":           {Figure{Ours: Spread{Median: 39, Min: 38, Max: 39, N: 3}, Goal: Goal{Is: Fixed}}, false},
		"for information":     {against(9, 1, Goal{Is: Informative}), true},
		"not measured":        {Figure{Goal: Goal{AtMost, 1}, Missing: "no /proc"}, false},
	} {
		assert.Equal(t, c.reached, c.figure.Reached(), name)
	}
}

func TestRatioIsThatOfATurn(t *testing.T) {
	// The computer has slowed down on the way, between the medians of the two.
	f := Figure{}.against("baseline", []float64{11, 11, 22, 22, 22}, []float64{10, 10, 10, 20, 20}, Goal{AtMost, 1.15})
	assert.Equal(t, Spread{Median: 1.1, Min: 1.1, Max: 2.2, N: 5}, f.Ratio)
	assert.True(t, f.Reached())
}

func TestTableSaysByHowMuch(t *testing.T) {
	report := Report{Date: "2025-01-02", Machine: hosting.Machine{CPU: "Some CPU", Cores: 2, OS: "linux", Arch: "amd64", Go: "go1.26.0"}, Figures: []Figure{
		{Name: "start", Unit: Milliseconds, Ours: Spread{Median: 4.123, Min: 3, Max: 12.3456, N: 9}, Against: "bare", Baseline: one(3), Ratio: one(1.374), Goal: Goal{AtMost, 1.15}},
		{Name: "node", Unit: Milliseconds, Ours: one(4), Against: "Node.js", Baseline: one(300), Ratio: one(1.0 / 75), Goal: Goal{AtMost, 1.0 / 40}},
		{Name: "rate", Unit: PerSecond, Ours: one(70), Against: "bare", Baseline: one(100), Ratio: one(0.7), Goal: Goal{AtLeast, 0.8}},
		{Name: "requests", Unit: Count, Ours: Spread{Median: 1, Min: 1, Max: 2, N: 9}, Goal: Goal{Exactly, 1}},
		{Name: "allocations", Unit: Count, Ours: one(39), Goal: Goal{Is: Fixed}},
		{Name: "zip", Unit: Megabytes, Ours: one(5), Against: "bare", Baseline: one(4), Ratio: one(1.25), Goal: Goal{Is: Informative}},
		{Name: "memory", Unit: Megabytes, Against: "bare", Goal: Goal{AtMost, 1.3}, Missing: "no /proc"},
	}}
	var table bytes.Buffer
	require.NoError(t, report.writeMarkdown(&table))
	assert.Equal(t, `Measured 2025-01-02 on Some CPU, 2 cores, linux/amd64, go1.26.0. Medians, with minimum and maximum; ours and the baseline in turns, and the ratio is that of a turn.

| figure | ours | baseline | ratio | must reach | |
|---|---|---|---|---|---|
| start | 4.12 (3.00–12.3) ms | bare: 3.00 ms | 1.37 | ≤ 1.15 | **not reached** |
| node | 4.00 ms | Node.js: 300 ms | 1/75 | ≤ 1/40 | reached |
| rate | 70 /s | bare: 100 /s | 0.70 | ≥ 0.8 | **not reached** |
| requests | 1 (1–2) |  |  | exactly 1 | **not reached** |
| allocations | 39 |  |  | a fixed number | reached |
| zip | 5.00 MB | bare: 4.00 MB | 1.25 |  |  |
| memory | not measured: no /proc | bare | | ≤ 1.3 | |

Not reached:

- start: 1.37, which is 19.5 % off ≤ 1.15
- rate: 0.70, which is 12.5 % off ≥ 0.8
- requests: between 1 and 2, not exactly 1
`, table.String())
}
