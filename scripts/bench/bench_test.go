package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/test/need"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each figure is measured once, and none is held against a time: what a busy
// computer makes of them proves nothing.
func TestEveryFigureIsMeasured(t *testing.T) {
	need.Time(t)
	b, err := open(t.Context(), effort(true), io.Discard)
	require.NoError(t, err)
	defer b.close()
	report, err := b.measure(t.Context(), groups())
	require.NoError(t, err)

	var names []string
	for _, f := range report.Figures {
		names = append(names, f.Name)
		if f.Missing != "" {
			assert.Regexp(t, "Node.js|cgroup", f.Against+f.Missing, "only Node.js and cgroups may be missing")
			assert.Zero(t, f.Ours, f.Name)
			continue
		}
		assertSound(t, f.Name, f.Ours)
		if f.Against != "" {
			assertSound(t, f.Name, f.Baseline)
			assertSound(t, f.Name, f.Ratio)
		}
		assert.NotZero(t, f.Goal, f.Name)
	}
	for _, part := range []string{
		"exec to first `GET /next` (Lambda), nothing to prepare",
		"exec to first `GET /next` (Lambda), with token and connection",
		"exec to first answer, 128 MB (Lambda)",
		"exec to first `GET /next` (Lambda)", "exec to accepting (SCF)", // against Node.js
		"exec to first answer, upstream takes 0 ms (Lambda)", "exec to first answer, upstream takes 20 ms (SCF)",
		"warm invocation, wall (Lambda)", "warm invocation, CPU (SCF)", "resident memory after 40 invocations (Lambda)",
		"exec to listening (HTTP), nothing to prepare", "exec to listening (HTTP), token and connection under way",
		"warm invocation, CPU (HTTP)", "warm invocation, CPU, beside no log line (HTTP)", "resident memory after 40 invocations (HTTP)",
		"upstream requests per warm verification (SCF)", "zip", "local verification, event bytes to answer bytes",
		"allocations of a local verification", "local verifications, 64 at once",
	} {
		assert.Contains(t, names, part)
	}

	byName := map[string]Figure{}
	for _, f := range report.Figures {
		byName[f.Name] = f
	}
	// What does not depend on the weather.
	for _, platform := range emulator.All() {
		assert.True(t, byName["upstream requests per warm verification ("+platform.Title+")"].Reached())
	}
	assert.Greater(t, byName["zip"].Ours.Median, 2.0, "MB")
	assert.Greater(t, byName["exec to first answer, upstream takes 20 ms (SCF)"].Ours.Min, 40.0, "a token and an answer, 20 ms each")
	assertShape(t, report)
}

func assertSound(t *testing.T, name string, s Spread) {
	t.Helper()
	assert.Positive(t, s.N, name)
	assert.Positive(t, s.Min, name)
	assert.LessOrEqual(t, s.Min, s.Median, name)
	assert.LessOrEqual(t, s.Median, s.Max, name)
}

func assertShape(t *testing.T, report Report) {
	t.Helper()
	var table, document bytes.Buffer
	require.NoError(t, report.writeMarkdown(&table))
	rows := 0
	for line := range strings.Lines(table.String()) {
		if strings.HasPrefix(line, "|") {
			assert.Equal(t, 7, strings.Count(line, "|"), line)
			rows++
		}
	}
	assert.Equal(t, len(report.Figures)+2, rows)
	assert.Regexp(t, `^Measured \d{4}-\d\d-\d\d on .+, \d+ cores, \w+/\w+, go1\.\d+`, table.String())

	require.NoError(t, report.writeJSON(&document))
	var back struct {
		Figures []struct {
			Figure  string `json:"figure"`
			Ratio   Spread `json:"ratio"`
			Reached bool   `json:"reached"`
		} `json:"figures"`
	}
	require.NoError(t, json.Unmarshal(document.Bytes(), &back), document.String())
	require.Len(t, back.Figures, len(report.Figures))
	for i, f := range report.Figures {
		assert.Equal(t, f.Name, back.Figures[i].Figure)
		assert.Equal(t, f.Ratio, back.Figures[i].Ratio)
		assert.Equal(t, f.Reached(), back.Figures[i].Reached)
	}
}

func TestNodeThatIsNotThereIsSaid(t *testing.T) {
	need.Time(t)
	goTool, err := exec.LookPath("go")
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.Symlink(goTool, folder+"/go"))
	t.Setenv("PATH", folder)
	b, err := open(t.Context(), effort(true), io.Discard)
	require.NoError(t, err)
	defer b.close()
	report, err := b.measure(t.Context(), []group{groups()[1]})
	require.NoError(t, err)
	require.Len(t, report.Figures, 2)
	for _, f := range report.Figures {
		assert.Equal(t, "node is not installed", f.Missing)
		assert.False(t, f.Reached())
	}
	var table bytes.Buffer
	require.NoError(t, report.writeMarkdown(&table))
	assert.Contains(t, table.String(), "not measured: node is not installed")
	assert.NotContains(t, table.String(), "Not reached", "what was not measured did not fail")
}

func TestUnknownFigureIsRefused(t *testing.T) {
	chosen, err := choose("zip,start")
	require.NoError(t, err)
	assert.Len(t, chosen, 2)
	err = run(t.Context(), []string{"-only", "zip,nonsense"}, io.Discard, io.Discard)
	assert.ErrorContains(t, err, "nonsense: there is start, node, first, cold")
}
