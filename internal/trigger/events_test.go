package trigger

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sotercall/deploy/events"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parsed is what testdata says Read makes of the event of the same name.
// Header lists some headers, all values of each.
type parsed struct {
	Source     string      `json:"door"`
	Method     string      `json:"method"`
	Path       string      `json:"path"`
	Query      url.Values  `json:"query"`
	Host       string      `json:"host"`
	RemoteAddr string      `json:"remoteAddr"`
	Header     http.Header `json:"header"`
	Body       string      `json:"body"`
}

// snakeSample is events.Request under the names of the HTTPS Call.
type snakeSample struct {
	OpenID        string `json:"openid"`
	JSONString    string `json:"json_string"`
	JSONSignature string `json:"json_signature"`
}

func TestEveryRecordedEventIsReadAsExpected(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	recordings, err := fs.Glob(events.Files, "*.json")
	require.NoError(t, err)
	require.Len(t, files, len(recordings), "each event has its expected parse")

	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			want := load[parsed](t, file)
			event := Read(recorded(t, filepath.Base(file)))

			assert.Equal(t, want.Source, event.Source.String())
			require.NoError(t, event.Err)
			if want.Method == "" {
				assert.Nil(t, event.Request)
				return
			}
			r := event.Request
			require.NotNil(t, r)
			assert.Equal(t, want.Method, r.Method)
			assert.Equal(t, want.Path, r.URL.Path)
			assert.Equal(t, want.Query, r.URL.Query())
			assert.Equal(t, want.Host, r.Host)
			assert.Equal(t, want.RemoteAddr, r.RemoteAddr)
			assert.NotContains(t, r.Header, "Host")
			for name, values := range want.Header {
				assert.Equal(t, values, r.Header[name], name)
			}
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Equal(t, want.Body, string(body))
			assert.EqualValues(t, len(want.Body), r.ContentLength)
		})
	}
}

func TestEveryRecordedCallCarriesTheSignedSample(t *testing.T) {
	want := events.Direct()
	withoutCall := map[string]bool{"rest-v1-get.json": true, "scf-timer.json": true, "aws-schedule.json": true}
	files, err := fs.Glob(events.Files, "*.json")
	require.NoError(t, err)

	for _, file := range files {
		name := filepath.Base(file)
		if withoutCall[name] {
			continue
		}
		call := recorded(t, name)
		if event := Read(call); event.Request != nil {
			call, err = io.ReadAll(event.Request.Body)
			require.NoError(t, err)
		}
		got := events.Request(decode[snakeSample](t, call))
		if !strings.Contains(name, "https-call") {
			got = decode[events.Request](t, call)
		}
		assert.Equal(t, want, got, name)
	}
}

func TestReadmeNamesEveryEventAndItsSource(t *testing.T) {
	readme, err := os.ReadFile("../../deploy/events/README.md")
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		row := "| " + filepath.Base(file) + " | " + load[parsed](t, file).Source + " |"
		assert.Contains(t, string(readme), row)
	}
}

// AWS's own samples of every event it sends: those of our sources are recognised,
// and nothing else is mistaken for a request.
func TestEventsRecordedByAWS(t *testing.T) {
	known := map[string]*Source{
		"alb-lambda-target-request-headers-only.json":       ALB,
		"alb-lambda-target-request-multivalue-headers.json": ALB,
		"apigw-request.json":                                RESTv1,
		"apigw-restapi-openapi-request.json":                RESTv1,
		"apigw-v2-request-iam.json":                         HTTPAPIv2,
		"apigw-v2-request-jwt-authorizer.json":              HTTPAPIv2,
		"apigw-v2-request-lambda-authorizer.json":           HTTPAPIv2,
		"apigw-v2-request-no-authorizer.json":               HTTPAPIv2,
		"lambda-urls-request.json":                          FunctionURL,
	}
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-lambda-go").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(string(bytes.TrimSpace(dir)), "events", "testdata", "*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), 80)

	for _, file := range files {
		payload, err := os.ReadFile(file)
		require.NoError(t, err)
		event := Read(payload)
		want, ours := known[filepath.Base(file)]
		if !ours {
			assert.Nil(t, event.Request, file)
			assert.Contains(t, []*Source{Direct, Unknown}, event.Source, file)
			continue
		}
		delete(known, filepath.Base(file))
		assert.Equal(t, want, event.Source, file)
		assert.NoError(t, event.Err, file)
		assert.NotNil(t, event.Request, file)
	}
	assert.Empty(t, known, "samples that are gone")
}

func recorded(tb testing.TB, name string) []byte {
	tb.Helper()
	payload, err := events.Files.ReadFile(name)
	require.NoError(tb, err)
	return payload
}

func load[T any](t *testing.T, file string) T {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return decode[T](t, b)
}

func decode[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(b, &v), "%s", b)
	return v
}
