package jsonobject_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/jsonobject"
)

// member is what a Member was called with.
type member struct{ name, value string }

func read(text string) (all []member, err error) {
	err = jsonobject.Read([]byte(text), func(name []byte, dec *jsontext.Decoder) error {
		value, err := dec.ReadValue()
		all = append(all, member{string(name), string(value)})
		return err
	})
	return all, err
}

func TestRead(t *testing.T) {
	for text, want := range map[string][]member{
		`{}`:                               nil,
		` {"a" : 1 , "b":{"c":[2]}} `:      {{"a", "1"}, {"b", `{"c":[2]}`}},
		`{"\u0061\"\\":null,"签":"\u540d"}`: {{`a"\`, "null"}, {"签", `"\u540d"`}},
		`{"":true}`:                        {{"", "true"}},
		`[{"a":1}]`:                        nil,
		`"text"`:                           nil,
		`null`:                             nil,
	} {
		got, err := read(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestReadRefusesWhatTheDecoderRefuses(t *testing.T) {
	_, err := read(`{"a":1}`)
	require.NoError(t, err, "the twin that passes")
	for text, want := range map[string]error{
		`{"a":1}{}`: nil, `{"a":1`: nil, `{"a"1}`: nil, `{"a":1,}`: nil, ``: nil, `{a:1}`: nil, "{\"\xff\":1}": nil,
		`{"a":1,"a":2}`: jsontext.ErrDuplicateName, `{"a":1,"\u0061":2}`: jsontext.ErrDuplicateName,
	} {
		_, err := read(text)
		var syntax *jsontext.SyntacticError
		require.ErrorAs(t, err, &syntax, text)
		if want != nil {
			assert.ErrorIs(t, err, want, text)
		}
	}
}

func TestReadEndsWithTheErrorOfAMember(t *testing.T) {
	why, calls := errors.New("why"), 0
	err := jsonobject.Read([]byte(`{"a":1,"b":2}`), func([]byte, *jsontext.Decoder) error {
		calls++
		return why
	})
	require.ErrorIs(t, err, why)
	var semantic *json.SemanticError
	require.ErrorAs(t, err, &semantic)
	assert.Equal(t, 1, calls)
}

// Behind an object, the decoder is where the next value begins.
func TestMembersReadsOneValue(t *testing.T) {
	dec := jsontext.NewDecoder(bytes.NewReader([]byte(`{"a":{}} 7 8`)))
	skip := func(_ []byte, dec *jsontext.Decoder) error { return dec.SkipValue() }
	require.NoError(t, jsonobject.Members(dec, skip))
	require.NoError(t, jsonobject.Members(dec, skip))
	last, err := dec.ReadToken()
	require.NoError(t, err)
	assert.Equal(t, "8", last.String())
}

func TestExceeds(t *testing.T) {
	for text, parts := range map[string]int{
		``: 0, `7`: 0, `{}`: 1, `[]`: 1, `{"a":1}`: 1, `{"a":1,"b":[2,3]}`: 4, `[[[]]]`: 3,
		`{"{[,,\",,[":"\\","b":",,"}`: 2, `"{[,`: 0, `{"a":"\`: 1,
	} {
		assert.False(t, jsonobject.Exceeds([]byte(text), parts), text)
		assert.Equal(t, parts > 0, jsonobject.Exceeds([]byte(text), parts-1) && parts > 0, text)
	}
}

// A valid text has as many parts as its values say: one for each object and array, and
// one for each member or element after the first.
func FuzzExceeds(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\\"},",{["]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var value any
		if json.Unmarshal(text, &value) != nil {
			return
		}
		parts := count(value)
		require.False(t, jsonobject.Exceeds(text, parts))
		require.Equal(t, parts > 0, jsonobject.Exceeds(text, parts-1) && parts > 0)
	})
}

func count(value any) (parts int) {
	switch value := value.(type) {
	case map[string]any:
		parts = max(1, len(value))
		for _, v := range value {
			parts += count(v)
		}
	case []any:
		parts = max(1, len(value))
		for _, v := range value {
			parts += count(v)
		}
	}
	return parts
}

// Members are those that the library finds, in whatever text.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"a":1,"\u0062":{"c":["\ud83d\ude00"]}}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want map[string]jsontext.Value
		wantErr := json.Unmarshal(text, &want)
		got, err := read(string(text))
		if kind := jsontext.Value(text).Kind(); kind != '{' {
			require.Empty(t, got)
			return
		}
		require.Equal(t, wantErr == nil, err == nil, "%v, %v", wantErr, err)
		if err != nil {
			return
		}
		require.Len(t, got, len(want))
		for _, m := range got {
			require.Equal(t, string(want[m.name]), m.value)
		}
	})
}
