package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

const verified = `{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}`

// output is what a command printed; it may be read while the command runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func newOutput() *output { return &output{more: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// local runs a command in this process.
func local(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	out, log := newOutput(), newOutput()
	err = run(t.Context(), args, streams{stdin, out, log})
	return out.String(), log.String(), err
}

// asCommand makes a second run of this test binary the command itself.
const asCommand = "LOCAL_TEST_AS_COMMAND"

// binaries is the folder of the functions that the tests share; "" until one needs
// them.
var binaries string

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} { // the tests read English
		_ = os.Unsetenv(name)
	}
	status := m.Run()
	if binaries != "" {
		_ = os.RemoveAll(binaries)
	}
	os.Exit(status)
}

// functionBinaries builds the functions, once for all tests.
func functionBinaries(t *testing.T) string {
	t.Helper()
	need.Time(t)
	if binaries == "" {
		var err error
		binaries, err = build(t.Context(), settings{}.programs(), nil)
		require.NoError(t, err)
	}
	return binaries
}

// openWorld starts a world for a test.
func openWorld(t *testing.T, s settings) *world {
	t.Helper()
	s.addr, s.binaries = "127.0.0.1:0", functionBinaries(t)
	w, err := open(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.close()) })
	return w
}

func TestSignNowInvokeLater(t *testing.T) {
	need.Time(t)
	phones := t.TempDir()
	event, _, err := local(t, nil, "sign", "-phones", phones, "-openid", "oLater", "-challenge", "<&> later", "-device", "huawei")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(file, []byte(event), 0o600))
	for _, platform := range platformNames() {
		answer, log, err := local(t, nil, "invoke", "-phones", phones, file, "-platform", platform)
		require.NoError(t, err)
		assert.Equal(t, verified+"\n", answer)
		assert.Contains(t, log, `"platform":"`+platform+`"`)
	}
	answer, _, err := local(t, strings.NewReader(strings.Replace(event, "later", "l4ter", 1)), "invoke", "-phones", phones)
	require.NoError(t, err)
	assert.Contains(t, answer, `"isOk":false`)
	for _, platform := range []string{"scf", "http"} {
		answer, _, err = local(t, strings.NewReader(event), "invoke", "-phones", phones, "-platform", platform, "-env", "WX_OPENID=oSomebodyElse")
		require.NoError(t, err)
		assert.Contains(t, answer, `-604104`, platform)
	}
}

// Every recorded event verifies, on both platforms, but those that ask nothing.
func TestRecordedEventsCanBeInvokedAsTheyAre(t *testing.T) {
	w := openWorld(t, settings{platforms: []string{"lambda", "scf"}})
	events, err := filepath.Glob("../../../deploy/events/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(events), 17)
	for _, file := range events {
		event, err := os.ReadFile(file)
		require.NoError(t, err)
		asksNothing := regexp.MustCompile(`timer|schedule|-get`).MatchString(file)
		for _, on := range []string{"lambda", "scf"} {
			got, err := w.call(t.Context(), call{platform: on, function: "verify", event: event})
			require.NoError(t, err)
			genuine := regexp.MustCompile(`(isOk|is_ok)\\?":true`).Match(got.answer)
			assert.Equal(t, !asksNothing, genuine, "%s on %s: %s", file, on, got.answer)
		}
	}
}

// serveAll runs serve until stop or the end of the test, and returns what it has printed when
// everything is up.
func serveAll(t *testing.T, args ...string) (out *output, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	out, ended := newOutput(), make(chan error, 1)
	go func() {
		ended <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), streams{nil, out, io.Discard})
	}()
	for !strings.Contains(out.String(), "faults -d") {
		select {
		case <-out.more:
		case err := <-ended:
			t.Fatalf("serve ended: %v", err)
		case <-time.After(time.Minute):
			t.Fatal("no banner")
		}
	}
	return out, func() error {
		cancel()
		return <-ended
	}
}

func TestServeInChinese(t *testing.T) {
	need.Time(t)
	out, stop := serveAll(t, "-lang", "zh", "-phones", t.TempDir())
	assert.Regexp(t, `在浏览器中打开 http://127\.0\.0\.1:\d+/\?lang=zh ：`, out.String())
	assert.Regexp(t, `服务地址：http://127\.0\.0\.1:\d+，按 Ctrl-C 结束。`, out.String())
	require.NoError(t, stop())
}

// TestServe does what the banner says: each of its curl lines, as they stand.
func TestServe(t *testing.T) {
	need.Time(t)
	need.Program(t, "curl")
	out, stop := serveAll(t, "-phones", t.TempDir())
	lines := regexp.MustCompile(`(?m)^  (curl .*)$`).FindAllStringSubmatch(out.String(), -1)
	verifies := len(platforms) + 1 // and the gateway
	require.Len(t, lines, 1+verifies+4)
	folder := t.TempDir()
	var answers []string
	for _, line := range lines {
		shell := exec.CommandContext(t.Context(), "sh", "-c", line[1])
		shell.Dir = folder
		answer, err := shell.Output()
		require.NoError(t, err, line[1])
		answers = append(answers, string(answer))
	}
	signed, verdicts, others := answers[0], answers[1:1+verifies], answers[1+verifies:]
	assert.Empty(t, signed)
	assert.Equal(t, slices.Repeat([]string{verified}, verifies), verdicts)
	assert.Contains(t, others[0], `"errMsg":"openapi.soter.issueChallenge:ok"`)
	assert.Contains(t, others[1], `"access_token":"`+sandbox.EventToken+`","expires_in":`)
	assert.Contains(t, others[2], `"expires_in":`)
	assert.Contains(t, others[3], `"errcode":-1`)

	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(out.String())
	for path, status := range map[string]int{"/?mistake=replay": http.StatusOK, "/admin": http.StatusForbidden} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		require.NoError(t, err)
		r.Header = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
		resp, body := do(t, r)
		assert.Equal(t, status, resp.StatusCode, "a link on another site: %s", body)
	}
	require.NoError(t, stop())
	_, err := http.Get(base)
	assert.Error(t, err, "nobody listens any more")
}
