package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

// soakTime is SOAK, or 10 s in CI, or a look.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		return d
	}
	if os.Getenv("CI") != "" {
		return 10 * time.Second
	}
	return 2 * time.Second
}

// TestSoak drives the mixed load through functions that watch themselves for
// data races.
func TestSoak(t *testing.T) {
	need.Time(t)
	need.Program(t, "gcc") // for the race detector
	report, err := buildAndSoak(t.Context(), soakTime(t), gobuild.Target{Race: true})
	require.NoError(t, err)
	assert.Empty(t, report.Problems())
	require.Len(t, report.Platforms, len(emulator.Platforms))
	for _, p := range report.Platforms {
		assert.Greater(t, p.Calls, 50, p.Platform)
		assert.Empty(t, p.Unmeasured)
		assert.Positive(t, p.Resident.End)
		assert.Positive(t, p.Descriptors.End)
	}
	assert.Greater(t, report.Troubles, 3)
	var text bytes.Buffer
	require.NoError(t, report.writeMarkdown(&text))
	t.Log("\n" + text.String())
}

// A soak that finds nothing proves something only if it would find something.
func TestJudge(t *testing.T) {
	genuine := probe{name: "genuine", isOK: true, asked: true}
	forged := probe{name: "forged", asked: true}
	junk := probe{name: "junk", code: codeInvalid}
	const yes, no = `{"isOk":true,"errMsg":"x","errCode":0}`, `{"isOk":false,"errMsg":"x","errCode":0}`
	const failed, invalid = `{"isOk":false,"errMsg":"x","errCode":-604103}`, `{"isOk":false,"errMsg":"x","errCode":-501007}`
	excused := []int{codeUpstream}
	for name, c := range map[string]struct {
		q       probe
		answer  string
		excused []int
		right   bool
	}{
		"genuine":                         {genuine, yes, nil, true},
		"genuine by HTTP":                 {genuine, `{"statusCode":200,"body":"{\"isOk\":true,\"errCode\":0}"}`, nil, true},
		"genuine is wrong":                {genuine, no, nil, false},
		"genuine is wrong in a trouble":   {genuine, no, excused, false},
		"genuine fails":                   {genuine, failed, nil, false},
		"genuine fails in a trouble":      {genuine, failed, excused, true},
		"genuine fails in another":        {genuine, failed, []int{codeTimeout}, false},
		"forged":                          {forged, no, nil, true},
		"forged is genuine":               {forged, yes, nil, false},
		"forged is genuine in a trouble":  {forged, yes, excused, false},
		"forged fails in a trouble":       {forged, failed, excused, true},
		"junk":                            {junk, invalid, nil, true},
		"junk is wrong":                   {junk, no, nil, false},
		"junk fails in a trouble":         {junk, failed, excused, false},
		"no answer":                       {genuine, `{"errorMessage":"bug"}`, excused, false},
		"no JSON":                         {genuine, `oops`, excused, false},
		"genuine with an error code":      {genuine, `{"isOk":true,"errCode":-604103}`, excused, false},
		"HTTP response without an answer": {genuine, `{"statusCode":500,"body":"oops"}`, excused, false},
	} {
		assert.Equal(t, c.right, c.q.judge([]byte(c.answer), c.excused) == "", name)
	}
}

func TestProblemsOfASoak(t *testing.T) {
	good := func() Report {
		return Report{
			Platforms:  []PlatformResult{{Platform: "SCF", Calls: 9, Descriptors: Change[int]{10, 10 + slack}}},
			Goroutines: Change[int]{20, 20},
		}
	}
	require.Empty(t, good().Problems())
	for want, spoil := range map[string]func(*Report){
		"2 wrong answers on SCF":                     func(r *Report) { r.Platforms[0].Wrong = 2 },
		"1 function errors on SCF":                   func(r *Report) { r.Platforms[0].FunctionErrors = 1 },
		"file descriptors on SCF went from 10 to 19": func(r *Report) { r.Platforms[0].Descriptors.End++ },
		"goroutines went from 20 to 100":             func(r *Report) { r.Goroutines.End = 100 },
		"1 panics in the log":                        func(r *Report) { r.Panics = 1 },
		"1 data races in the log":                    func(r *Report) { r.Races = 1 },
		"1 secrets in the log":                       func(r *Report) { r.Secrets = 1 },
	} {
		r := good()
		spoil(&r)
		assert.Equal(t, []string{want}, r.Problems())
	}
}

func TestSuspectLogLines(t *testing.T) {
	var l suspectLog
	for _, line := range []string{
		`{"level":"INFO","msg":"invocation","isOk":true}`, `{"level":"ERROR","panic":"boom"}`,
		`{"error":"` + sandbox.DefaultAppSecret + `"}`, "WARNING: DATA RACE", "  main.go:7", `{"isOk":true}`,
	} {
		_, err := l.Write([]byte(line + "\n"))
		require.NoError(t, err)
	}
	panics, races, secrets, suspect := l.findings()
	assert.Equal(t, []int{1, 1, 1}, []int{panics, races, secrets})
	require.Len(t, suspect, 5, "what comes after a race tells of it")
	assert.Equal(t, "main.go:7", suspect[3])
}
