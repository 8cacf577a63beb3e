package trigger

import (
	"bytes"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"sotercall/deploy/events"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func FuzzRead(f *testing.F) {
	files, err := fs.Glob(events.Files, "*.json")
	require.NoError(f, err)
	for _, file := range files {
		f.Add(recorded(f, file))
	}
	f.Add([]byte(`{"httpMethod":"GET","path":"//h/%zz?#","headers":{"HOST":["a","b"]},"queryString":{"a":true,"b":["c"]}}`))
	f.Add([]byte(`{"httpMethod":"A B","path":"x","headers":[],"requestContext":{"elb":{"targetGroupArn":"a"}},"multiValueHeaders":{}}`))

	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		event := Read(payload)
		require.Equal(t, before, payload, "the payload is left as it is")

		if !event.Source.IsHTTP() {
			require.Nil(t, event.Request)
			require.Equal(t, event.Source == Unknown, event.Err != nil)
			require.Equal(t, payload, event.Respond(500, http.Header{"A": {"b"}}, payload))
			return
		}
		require.NotEqual(t, event.Request == nil, event.Err == nil, "a request or an error, never both")
		roundTrips(t, event, 418, payload)
		if event.Err != nil {
			return
		}

		r := event.Request
		require.NotEmpty(t, r.Method)
		require.Equal(t, byte('/'), r.URL.Path[0])
		require.Empty(t, r.URL.Host)
		for name, values := range r.Header {
			require.Equal(t, http.CanonicalHeaderKey(name), name)
			require.NotEmpty(t, values)
		}
		require.NotContains(t, r.Header, "Host")
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.EqualValues(t, len(body), r.ContentLength)

		again := Read(payload).Request
		require.Equal(t, r.URL, again.URL, "the order of a map shows nowhere")
		require.Equal(t, r.Header, again.Header)
	})
}

func FuzzRespond(f *testing.F) {
	f.Add(byte(0), 200, "Content-Type", "application/json", "x", []byte(answerBody))
	f.Add(byte(1), -1, "\xff", "\xfe", "\xfd", []byte("\xff\xfe"))
	f.Add(byte(2), 999, "set-cookie", "a=b\r\n", "", []byte("\u2028\x00"))

	known := []Event{
		{Source: ALB}, {Source: ALB, multiValue: true}, {Source: FunctionURL}, {Source: HTTPAPIv2}, {Source: HTTPAPIv1},
		{Source: RESTv1}, {Source: SCFAPIGateway}, {Source: CloudBaseHTTP}, {Source: SCFURL},
	}
	f.Fuzz(func(t *testing.T, source byte, status int, name, first, second string, body []byte) {
		event := known[int(source)%len(known)]
		header := http.Header{name: {first, second}, "\xff": {first}, "\xfe": {second}, "X-Sound": {"yes"}}

		answer := roundTrips(t, event, status, body, header)
		if event.multiValue {
			assert.Nil(t, answer.Headers)
			assert.Contains(t, answer.MultiValueHeaders["X-Sound"], "yes")
			return
		}
		assert.Contains(t, append(answer.MultiValueHeaders["X-Sound"], strings.Split(answer.Headers["X-Sound"], ", ")...), "yes")
	})
}

// roundTrips decodes the answer again, refusing what JSON must not have.
func roundTrips(t *testing.T, event Event, status int, body []byte, header ...http.Header) (answer response) {
	t.Helper()
	var h http.Header
	if len(header) > 0 {
		h = header[0]
	}
	out := event.Respond(status, h, body)
	require.Equal(t, string(out), string(event.Respond(status, h, body)), "the same each time")
	require.NoError(t, json.Unmarshal(out, &answer, json.RejectUnknownMembers(true)), "%s", out)
	require.Equal(t, status, answer.StatusCode)
	require.Equal(t, !utf8.Valid(body), answer.IsBase64Encoded)
	got := []byte(answer.Body)
	if answer.IsBase64Encoded {
		var err error
		got, err = base64.StdEncoding.DecodeString(answer.Body)
		require.NoError(t, err)
	}
	require.Equal(t, string(body), string(got))
	return answer
}

func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"direct.json", "scf-function-url.json", "http-api-v2.json", "rest-v1.json"} {
		payload := recorded(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				Read(payload)
			}
		})
	}
}
