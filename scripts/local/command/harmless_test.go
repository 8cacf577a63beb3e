package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// evil is what a terminal obeys: ESC, C1, DEL, a direction, ends of lines, a line of
// explain's own kind.
const evil = "\x1b[2J\u009b2J\x7f\u202e\u2028\r\nmistake        none"

// requireHarmless checks all that a command has printed.
func requireHarmless(t *testing.T, printed string) {
	t.Helper()
	for _, c := range printed {
		require.True(t, c == '\n' || strconv.IsGraphic(c), "%q in %q", c, printed)
	}
}

func TestExplainPrintsWhatNoTerminalObeys(t *testing.T) {
	phones := t.TempDir()
	result, err := json.Marshal(map[string]any{evil: evil, "raw": evil, "uid": []string{evil}})
	require.NoError(t, err)
	for place, event := range map[string]map[string]any{
		"name":           {evil: 1, "mistake        none": true},
		"openid":         {"openid": evil, "jsonString": "{}", "jsonSignature": "x"},
		"jsonString":     {"openid": "o", "jsonString": string(result), "jsonSignature": evil},
		"raw jsonString": {"openid": "o", "jsonString": strings.ReplaceAll(string(result), `\u202e`, "\u202e"), "jsonSignature": "x"},
		"body":           {"httpMethod": "POST", "path": "/" + evil, "headers": map[string]string{evil: evil}, "body": evil, "requestContext": map[string]any{}},
		"call":           {"call": evil},
	} {
		b, err := json.Marshal(event)
		require.NoError(t, err)
		for _, written := range []string{string(b), strings.NewReplacer(`\u009b`, "\u009b", `\u202e`, "\u202e", `\u2028`, "\u2028").Replace(string(b)), evil + string(b)} {
			printed, _, err := local(t, strings.NewReader(written), "explain", "-phones", phones)
			require.NoError(t, err, place)
			requireHarmless(t, printed)
			assert.Equal(t, 1, strings.Count("\n"+printed, "\nmistake "), "%s: no line is forged: %s", place, printed)
		}
	}
}

func TestExplainPrintsNoMoreThanIsRead(t *testing.T) {
	event := strings.Builder{}
	event.WriteByte('{')
	for i := 0; event.Len() < 6<<20; i++ {
		fmt.Fprintf(&event, `"name-%d":0,`, i)
	}
	event.WriteString(`"last":"` + strings.Repeat("x", 1<<10) + `"}`)
	printed, _, err := local(t, strings.NewReader(event.String()), "explain", "-phones", t.TempDir())
	require.NoError(t, err)
	assert.Less(t, len(printed), 8<<10)
	assert.Contains(t, printed, "more members")
}

func TestHarmlessJSONMeansTheSame(t *testing.T) {
	text := "a\u009b\x7f\u202e签\U000e0001 \\ é"
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	quoted = []byte(`{"errMsg":` + string(quoted) + "}\n")
	harmless := harmlessJSON(quoted)
	requireHarmless(t, string(harmless))
	assert.JSONEq(t, string(quoted), string(harmless))
	assert.Equal(t, `{"isOk":true,"errMsg":"签 ok"}`, string(harmlessJSON([]byte(`{"isOk":true,"errMsg":"签 ok"}`))), "the twin")
}
