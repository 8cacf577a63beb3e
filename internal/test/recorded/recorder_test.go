// Package recorded drives the functions as they are deployed, on each platform, and compares
// what they answer, what they log and what they leave in the store with recordings in
// testdata. A change that means to change none of it leaves the recordings as they are;
// another one renews them, and its diff shows what callers and operators will see:
//
//	go test ./internal/test/recorded -update
package recorded

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/emulator"
	"sotercall/internal/test/hosted"
)

var update = flag.Bool("update", false, "write the recordings anew")

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait more than they compute: for pauses between retries, and for a WeChat that
	// is silent.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	hosted.Main(m, "verify", "token", "challenge", "service")
}

// recorder writes the recording of one test.
type recorder struct {
	t *testing.T
	// client is not http.DefaultClient, whose connections each httptest.Server closes that
	// is closed: the log would say that the client has gone.
	client *http.Client
	text   strings.Builder
	names  placeholders
	steps  int
	loose  bool
	// beside are the log lines that are not an invocation's: they come when they come.
	beside []string
	all    []*instance
}

func newRecorder(t *testing.T) *recorder {
	connections := &http.Transport{}
	t.Cleanup(connections.CloseIdleConnections)
	return &recorder{t: t, names: newPlaceholders(), client: &http.Client{Transport: connections}}
}

// loosely runs steps whose log lines depend on how fast the machine is: how often a token
// was fetched and WeChat asked is left out of them.
func (r *recorder) loosely(steps func()) {
	r.loose = true
	defer func() { r.loose = false }()
	steps()
}

// line adds a line to the recording.
func (r *recorder) line(format string, arguments ...any) {
	text := r.names.replace(strings.TrimSuffix(fmt.Sprintf(format, arguments...), "\n"))
	r.text.WriteString(strings.ReplaceAll(text, "\n", "\n\t") + "\n")
}

// compare ends a recording: it is the one in testdata, byte for byte.
func (r *recorder) compare(name string) {
	r.t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		time.Sleep(time.Second) // for lines that nothing else waits for
		r.recordLinesBeside(0)
		require.NoError(r.t, os.MkdirAll("testdata", 0o755))
		require.NoError(r.t, os.WriteFile(file, []byte(r.text.String()), 0o644))
		return
	}
	recorded, err := os.ReadFile(file)
	require.NoError(r.t, err)
	r.recordLinesBeside(strings.Count(string(recorded), "\nbeside "))
	assert.Equal(r.t, string(recorded), r.text.String(), "%s: if the change is meant, record it with -update", file)
}

// instance is a function that runs on a platform.
type instance struct {
	runtime emulator.Runtime
	// url is where it takes requests; empty on the platforms that have events.
	url string
	log *hosted.Log
	// read is how much of log has been recorded.
	read int
}

// call records one call by an event, and returns the answer. The environment is what the
// platform says of the caller.
func (r *recorder) call(name string, on *instance, event []byte, environment map[string]string) string {
	r.t.Helper()
	id := r.begin(name)
	answer, err := on.runtime.Invoke(r.t.Context(), emulator.Call{
		Payload: event, RequestID: id, TraceID: "Root=1-5c34e93e-4dea0086f9763ac0667b115a", Environment: environment, Forged: true,
	})
	require.NoError(r.t, err, name)
	if answer.FunctionError != "" {
		r.line("function error %s", answer.FunctionError)
	}
	r.line("answer %s", answer.Payload)
	r.logged(on, id)
	return string(answer.Payload)
}

// send records one request to a port, and returns the body of the response.
func (r *recorder) send(name string, on *instance, q request) string {
	r.t.Helper()
	id := r.begin(name)
	sent, err := http.NewRequestWithContext(r.t.Context(), q.method, on.url+q.target, strings.NewReader(q.body))
	require.NoError(r.t, err, name)
	for header, value := range q.header {
		sent.Header.Set(header, value)
	}
	sent.Header.Set("X-Request-Id", id)
	response, err := r.client.Do(sent)
	require.NoError(r.t, err, name)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err, name)
	response.Header.Del("Date")
	var header bytes.Buffer
	require.NoError(r.t, response.Header.Write(&header))
	r.line("status %d\n%s\nanswer %s", response.StatusCode, strings.ReplaceAll(strings.TrimSpace(header.String()), "\r", ""), body)
	if q.target != "/healthz" { // which leaves no line
		r.logged(on, id)
	}
	return string(body)
}

// begin begins a step, and returns the id of its request.
func (r *recorder) begin(name string) (id string) {
	r.steps++
	r.line("\n== %s", name)
	return fmt.Sprintf("step-%d", r.steps)
}

// logged records the line of the invocation. On a port, it follows the answer.
func (r *recorder) logged(on *instance, id string) {
	r.t.Helper()
	var found string
	isThere := func() bool {
		for line := range strings.Lines(r.unread(on)) {
			if strings.Contains(line, `"request_id":"`+id+`"`) {
				found = line
			}
		}
		return found != ""
	}
	if !isThere() {
		require.Eventually(r.t, isThere, time.Minute, 2*time.Millisecond, "no log line")
	}
	if r.loose {
		found = withoutCounts(found)
	}
	r.line("log %s", found)
}

// unread returns the lines of invocations that have come since it was called before, and
// keeps the others.
func (r *recorder) unread(on *instance) string {
	text := on.log.String()[on.read:]
	text = text[:strings.LastIndex(text, "\n")+1]
	on.read += len(text)
	var invocations strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.Contains(line, `"msg":"invocation"`):
			invocations.WriteString(line)
		case strings.Contains(line, "bind: address already in use"):
			// The stand-in for SCF had chosen a port that another test then took; it starts
			// the function again on another.
		default:
			r.beside = append(r.beside, "beside "+strings.TrimSpace(line))
		}
	}
	return invocations.String()
}

// recordLinesBeside records the lines that are not an invocation's, as soon as there are so
// many.
func (r *recorder) recordLinesBeside(count int) {
	r.t.Helper()
	areThere := func() bool {
		for _, on := range r.all {
			r.unread(on)
		}
		return len(r.beside) >= count
	}
	if !areThere() {
		require.Eventually(r.t, areThere, time.Minute, 2*time.Millisecond, "there are %d lines beside: %q", len(r.beside), r.beside)
	}
	r.sorted("log lines beside those of invocations", r.beside)
}

// request is one over HTTP.
type request struct {
	method, target string
	header         map[string]string
	body           string
}

// event is the request as the URL of an SCF function passes it on, which every platform
// with events takes.
func (q request) event(t *testing.T) []byte {
	path, query, _ := strings.Cut(q.target, "?")
	header := map[string]string{"host": "functions.example.com"}
	maps.Copy(header, q.header)
	return hosted.JSON(t, map[string]any{
		"httpMethod": q.method, "path": path, "headers": header, "queryString": query, "body": q.body,
	})
}

// sorted records lines in their order, whatever order they came in.
func (r *recorder) sorted(title string, lines []string) {
	r.line("\n== %s", title)
	for i, line := range lines {
		lines[i] = r.names.replace(line)
	}
	slices.Sort(lines)
	for _, line := range lines {
		r.line("%s", line)
	}
}
