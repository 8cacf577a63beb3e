package accesstoken

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStateSurvivesAStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state := drawState(t)
		content, err := MarshalState(state)
		require.NoError(t, err)
		requireSame(t, state, UnmarshalState(content))
	})
}

// What is read is either nothing, or a State that reads the same when it is
// written and read again.
func FuzzUnmarshalState(f *testing.F) {
	content, err := MarshalState(State{Current: stateOf("token").Current, Forced: []time.Time{noon}})
	require.NoError(f, err)
	for _, seed := range []string{
		string(content), "", "{}", "null", "[]", `{"current":{"access_token":"a"},"current":{}}`,
		`{"forced":["2026-11-22T12:00:00.5+08:00"]}`, `{"current":{"expires":"9999-12-31T23:59:59-12:00"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		state := UnmarshalState(content)
		again, err := MarshalState(state)
		if err != nil {
			t.Fatalf("a State that can be read can be written: %v", err)
		}
		requireSame(t, state, UnmarshalState(again))
	})
}
