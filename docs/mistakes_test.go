package docs_test

import (
	"compress/gzip"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/deploy/events"
	"sotercall/internal/openapi"
)

// mistakes are what the messages and the hints in docs/mistakes.md are about, made with
// a genuine request. The answer to each is asserted in internal/openapi.
func mistakes(t *testing.T) (requests []events.Request, bodies []string) {
	t.Helper()
	genuine := events.Direct()
	change := func(text, signature string) {
		r := genuine
		r.JSONString, r.JSONSignature = text, signature
		requests = append(requests, r)
	}
	text, signature := genuine.JSONString, genuine.JSONSignature
	for _, text := range []string{
		"$resultJSON", signature, `"` + text, `{"resultJSON":"{}","resultJSONSignature":""}`, "text", "undefined", "%7B", // messages
		text[:len(text)-1], " " + text, strings.ReplaceAll(text, ",", ", "), strings.Replace(text, "challenge", `\u0063hallenge`, 1), // hints
		strings.Replace(text, `41`, `41.0`, 1), `{"counter":1,"cpu_id":"","raw":"","uid":""}`,
	} {
		change(text, signature)
	}
	for _, signature := range []string{
		"%2B", "a b", "a\nb", "a-b", // messages
		strings.TrimRight(signature, "="), signature[:300], strings.Repeat("A", 400), "=a", // hints
	} {
		change(text, signature)
	}
	var compressed strings.Builder
	w := gzip.NewWriter(&compressed)
	_, err := w.Write([]byte("{}"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return requests, []string{
		`{"openid":"o","resultJSON":""}`, `{"openid":"o","jsonString":{}}`, "openid=o&jsonString=t", "\ufeff{}", compressed.String(), "{\x00",
	}
}

// wrong finds every signature wrong.
type wrong struct{}

func (wrong) Verify(context.Context, openapi.Request) (openapi.Verdict, error) {
	return openapi.Wrong("test"), nil
}

// TestMistakesAreInTheWordsOfTheCode: whoever looks for a message that an answer or
// the log has said finds it in the documents, in both languages.
func TestMistakesAreInTheWordsOfTheCode(t *testing.T) {
	requests, bodies := mistakes(t)
	var code strings.Builder
	for _, r := range requests {
		body, err := json.Marshal(r)
		require.NoError(t, err)
		bodies = append(bodies, string(body))
		code.WriteString(openapi.Hint(openapi.Request{OpenID: r.OpenID, JSONString: r.JSONString, JSONSignature: r.JSONSignature}) + "\n")
	}
	call := (&openapi.VerifySignature{Verifier: wrong{}}).Calls(nil, nil)[0]
	backend := openapi.WithCaller(t.Context(), openapi.Backend())
	for _, body := range bodies {
		if e := call.Serve(openapi.NewEvent(backend, []byte(body))).Err; e != nil {
			code.WriteString(e.Message + "\n")
		}
	}
	row := regexp.MustCompile("(?m)^\\| .* \\| (.*`.*) \\| .* \\|$")
	var said [2][]string
	for i, name := range []string{"mistakes.md", "zh-CN/mistakes.md"} {
		document, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, cells := range row.FindAllStringSubmatch(string(document), -1) {
			for _, words := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				said[i] = append(said[i], words[1])
				assert.Contains(t, code.String(), words[1], name)
			}
		}
	}
	assert.Greater(t, len(said[0]), 15, "messages are found")
	assert.Equal(t, said[0], said[1])
}
