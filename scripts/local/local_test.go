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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/emulator"
	"sotercall/internal/need"
	"sotercall/internal/sandbox"
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

func command(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	out, log := newOutput(), newOutput()
	err = run(t.Context(), args, stdin, out, log)
	return out.String(), log.String(), err
}

func TestDemo(t *testing.T) {
	need.Time(t)
	out, _, err := command(t, nil, "demo")
	require.NoError(t, err, out)
	assert.Equal(t, 8, strings.Count(out, verified), "three devices and a challenge on two platforms")
	assert.Equal(t, 18, strings.Count(out, `"isOk":false`))
	assert.Contains(t, out, "For these 16 questions the token function fetched 1 access_token from WeChat.")
	assert.NotContains(t, out, "WRONG")
	assert.Contains(t, out, "26 answers, 0 of them not as they must be")
}

// A demo that cannot fail would show nothing.
func TestDemoNoticesAnAnswerThatIsNotAsItMustBe(t *testing.T) {
	need.Time(t)
	w, err := open(t.Context(), settings{addr: "127.0.0.1:0", log: io.Discard, platforms: emulator.Platforms[1:]})
	require.NoError(t, err)
	defer func() { assert.NoError(t, w.close()) }()
	phone, err := w.sandbox.Phone(alice, sandbox.IOS)
	require.NoError(t, err)
	event, err := phone.Sign("challenge")
	require.NoError(t, err)
	for want, s := range map[bool]scene{
		true:  {"as it must be", event, true, 0},
		false: {"expected to be refused", event, false, 0},
	} {
		_, ok, err := s.play(t.Context(), w.hosted["scf"]["verify"])
		require.NoError(t, err)
		assert.Equal(t, want, ok, s.title)
	}
}

func TestSignNowInvokeLater(t *testing.T) {
	need.Time(t)
	phones := t.TempDir()
	event, _, err := command(t, nil, "sign", "-phones", phones, "-openid", "oLater", "-challenge", "<&> later", "-device", "huawei")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(file, []byte(event), 0o600))
	for _, platform := range []string{"lambda", "scf"} {
		answer, log, err := command(t, nil, "invoke", "-phones", phones, "-platform", platform, "-e", file)
		require.NoError(t, err)
		assert.Equal(t, verified+"\n", answer)
		assert.Contains(t, log, `"platform":"`+platform+`"`)
	}
	answer, _, err := command(t, strings.NewReader(strings.Replace(event, "later", "l4ter", 1)), "invoke", "-phones", phones)
	require.NoError(t, err)
	assert.Contains(t, answer, `"isOk":false`)
	answer, _, err = command(t, strings.NewReader(event), "invoke", "-phones", phones, "-platform", "scf", "-env", "WX_OPENID=oSomebodyElse")
	require.NoError(t, err)
	assert.Contains(t, answer, `-604104`)
}

// Every recorded event verifies, on both platforms, but those that ask nothing.
func TestRecordedEventsCanBeInvokedAsTheyAre(t *testing.T) {
	need.Time(t)
	w, err := open(t.Context(), settings{addr: "127.0.0.1:0", log: io.Discard, platforms: emulator.Platforms})
	require.NoError(t, err)
	defer func() { assert.NoError(t, w.close()) }()
	events, err := filepath.Glob("../../deploy/events/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(events), 17)
	for _, file := range events {
		event, err := os.ReadFile(file)
		require.NoError(t, err)
		asksNothing := regexp.MustCompile(`timer|schedule|-get`).MatchString(file)
		for _, on := range platforms(w) {
			answer, err := on.functions["verify"].Invoke(t.Context(), emulator.Call{Payload: event})
			require.NoError(t, err)
			genuine := regexp.MustCompile(`(isOk|is_ok)\\?":true`).Match(answer.Payload)
			assert.Equal(t, !asksNothing, genuine, "%s on %s: %s", file, on.name, answer.Payload)
		}
	}
}

func TestWrongUseIsNamed(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{`there is no command "dance"`, []string{"dance"}},
		{"lambda or scf", []string{"invoke", "-platform", "azure", "-e", "../../deploy/events/direct.json"}},
		{"there is token, challenge, verify", []string{"invoke", "-function", "nothing", "-e", "../../deploy/events/direct.json"}},
		{"no such file", []string{"invoke", "-e", "missing.json"}},
		{"only an address of this computer", []string{"serve", "-addr", "0.0.0.0:0"}},
		{"only an address of this computer", []string{"-addr", "192.0.2.1:9000"}},
		{"challenge", []string{"sign", "-phones", t.TempDir()}},
		{"device", []string{"sign", "-phones", t.TempDir(), "-challenge", "c", "-device", "nokia"}},
	} {
		_, _, err := command(t, strings.NewReader("{}"), c.args...)
		require.Error(t, err, c.args)
		assert.Contains(t, err.Error(), c.says)
	}
}

// TestServe does what the banner says: each of its curl lines, as they stand.
func TestServe(t *testing.T) {
	need.Time(t)
	need.Program(t, "curl")
	ctx, stop := context.WithCancel(t.Context())
	out, ended := newOutput(), make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "127.0.0.1:0", "-phones", t.TempDir()}, nil, out, io.Discard)
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
	lines := regexp.MustCompile(`(?m)^  (curl .*)$`).FindAllStringSubmatch(out.String(), -1)
	require.Len(t, lines, 8)
	folder := t.TempDir()
	var answers []string
	for _, line := range lines {
		shell := exec.CommandContext(t.Context(), "sh", "-c", line[1])
		shell.Dir = folder
		answer, err := shell.Output()
		require.NoError(t, err, line[1])
		answers = append(answers, string(answer))
	}
	assert.Equal(t, []string{"", verified, verified, verified}, answers[:4])
	assert.Contains(t, answers[4], `"errMsg":"openapi.soter.issueChallenge:ok"`)
	assert.Contains(t, answers[5], `"access_token":"`+sandbox.EventToken+`","expires_in":`)
	assert.Contains(t, answers[6], `"expires_in":`)
	assert.Contains(t, answers[7], `"errcode":-1`)

	base := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(out.String())
	stop()
	require.NoError(t, <-ended)
	_, err := http.Get(base)
	assert.Error(t, err, "nobody listens any more")
}
