package interop

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"sotercall/internal/test/need"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "record the requests of internal/wechat/cloudcall/testdata anew")

const recordings = "../../internal/wechat/cloudcall/testdata/requests.json"

// recording is a question, the variables and the clock at which it was asked,
// and the request that wx-server-sdk 4.0.2 then sent.
type recording struct {
	Name        string            `json:"name"`
	Environment map[string]string `json:"environment"`
	Question    question          `json:"question"`
	At          int64             `json:"at"` // Unix milliseconds
	Request     request           `json:"request"`
}

type request struct {
	Method string            `json:"method"`
	Target string            `json:"target"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// TestRecordingsAreWhatTheSDKSends keeps the testdata of package cloudcall
// honest: the SDK still sends every byte of it.
func TestRecordingsAreWhatTheSDKSends(t *testing.T) {
	need.CI(t)
	need.NodeModules(t, ".")
	text, err := os.ReadFile(recordings)
	require.NoError(t, err)
	var all []recording
	require.NoError(t, json.Unmarshal(text, &all, json.RejectUnknownMembers(true)))
	require.NotEmpty(t, all)
	for i, r := range all {
		t.Run(r.Name, func(t *testing.T) {
			var sent request
			in := map[string]any{"environment": r.Environment, "question": r.Question}
			node(t, in, &sent, []string{fmt.Sprintf("FROZEN_AT=%d", r.At)}, "--require", "./frozen.js", "record.js")
			if *update {
				all[i].Request = sent
				return
			}
			assert.Equal(t, r.Request, sent)
		})
	}
	if *update {
		text, err := json.Marshal(all, json.Deterministic(true), jsontext.WithIndent("  "))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(recordings, append(text, '\n'), 0o644))
	}
}
