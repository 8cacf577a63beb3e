package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// question is a genuine verification with a token of its own.
func (c *client) question() (path, body string) {
	c.t.Helper()
	return verifyURL(c.classic().AccessToken), jsonOf(c.t, bodyOf(demoSigned(c.t)))
}

const genuineAnswer = `{"errcode":0,"errmsg":"ok","is_ok":true}`

// TestFaultsAnswer has the faults that leave the connection whole. Each strikes
// once; the next request gets the right answer.
func TestFaultsAnswer(t *testing.T) {
	const weChat, page, plain = "application/json; encoding=utf-8", "text/html; charset=utf-8", "text/plain; charset=utf-8"
	for name, tt := range map[string]struct {
		fault       Fault
		status      int
		contentType string
		text        string // a regular expression
	}{
		"errcode":            {Fault{Kind: FaultErrCode, ErrCode: 45011}, 200, weChat, `^{"errcode":45011,"errmsg":"api minute-quota reach limit, must slower, retry next minute rid: [0-9a-f-]{26}"}$`},
		"errcode -1":         {Fault{Kind: FaultErrCode, ErrCode: -1}, 200, weChat, `^{"errcode":-1,"errmsg":"system error rid: [0-9a-f-]{26}"}$`},
		"errcode with text":  {Fault{Kind: FaultErrCode, ErrCode: 41001, ErrMsg: "access_token missing hint: [H]"}, 200, weChat, `^{"errcode":41001,"errmsg":"access_token missing hint: \[H]"}$`},
		"errcode not listed": {Fault{Kind: FaultErrCode, ErrCode: 99999}, 200, weChat, `^{"errcode":99999,"errmsg":"sandbox fault rid: [0-9a-f-]{26}"}$`},
		"html":               {Fault{Kind: FaultHTML}, 200, page, `^<!DOCTYPE html>`},
		"status":             {Fault{Kind: FaultStatus}, 502, plain, `^Bad Gateway\n$`},
		"status 503":         {Fault{Kind: FaultStatus, Status: 503}, 503, plain, `^Service Unavailable\n$`},
		"empty":              {Fault{Kind: FaultEmpty}, 200, "", `^$`},
		"redirect":           {Fault{Kind: FaultRedirect}, 302, "", `^$`},
		"body":               {Fault{Kind: FaultBody, Body: "[]"}, 200, weChat, `^\[]$`},
		"bare":               {Fault{Kind: FaultBare}, 200, weChat, `^{"is_ok":true}$`},
		"delay":              {Fault{Kind: FaultDelay, DelayMS: 1}, 200, weChat, `^\Q` + genuineAnswer + `\E$`},
		"revoke":             {Fault{Kind: FaultRevoke}, 200, weChat, `^{"errcode":40001,`},
		"rotate":             {Fault{Kind: FaultRotate}, 200, weChat, `^{"errcode":40001,`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{})
			path, body := c.question()
			tt.fault.Path, tt.fault.Times = verifyPath, 1
			require.NoError(t, c.s.Inject(tt.fault))

			status, contentType, text := c.send("POST", path, body)
			assert.Equal(t, tt.status, status)
			assert.Equal(t, tt.contentType, contentType)
			assert.Regexp(t, tt.text, text)

			assert.Empty(t, c.s.Faults(), "used up")
			path, body = c.question()
			_, _, text = c.send("POST", path, body)
			assert.Equal(t, genuineAnswer, text)
			assert.Equal(t, 2, c.s.Requests(verifyPath), "a struck request counts")
		})
	}
}

func TestFaultsBreakTheConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		kind FaultKind
		want error
	}{
		"reset": {FaultReset, syscall.ECONNRESET},
		"drop":  {FaultDrop, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, Options{})
			path, body := c.question()
			require.NoError(t, c.s.Inject(Fault{Kind: tt.kind, Times: 1}))
			_, err := c.try("POST", path, body)
			require.ErrorIs(t, err, tt.want)

			_, _, text := c.send("POST", path, body)
			assert.Equal(t, genuineAnswer, text)
		})
	}
}

func TestFaultResetOverTLS(t *testing.T) {
	s := newSandbox(t, Options{})
	server := httptest.NewTLSServer(s)
	defer server.Close()
	c := &client{t: t, s: s, http: server.Client(), url: server.URL}
	require.NoError(t, s.Inject(Fault{Kind: FaultReset, Times: 1}))
	_, err := c.try("GET", tokenPath, "")
	require.ErrorIs(t, err, syscall.ECONNRESET)
	assert.NotEmpty(t, c.classic().AccessToken)
}

func TestFaultTruncatedBreaksOffInTheMiddle(t *testing.T) {
	c := newClient(t, Options{})
	path, body := c.question()
	require.NoError(t, c.s.Inject(Fault{Kind: FaultTruncated, Times: 1}))

	resp, err := c.try("POST", path, body)
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, int64(len(genuineAnswer)), resp.ContentLength)
	text, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, genuineAnswer[:len(genuineAnswer)/2], string(text))
}

func TestFaultRedirectTellsWhoFollowed(t *testing.T) {
	c := newClient(t, Options{})
	require.NoError(t, c.s.Inject(Fault{Kind: FaultRedirect, Path: tokenPath, Times: 1}))
	resp, err := c.try("GET", tokenPath, "")
	require.NoError(t, err)
	defer resp.Body.Close()
	assert.Equal(t, "/cgi-bin/redirected", resp.Header.Get("Location"))
	assert.Zero(t, c.s.Requests("/cgi-bin/redirected"))
	c.call("GET", resp.Header.Get("Location"), "")
	assert.Equal(t, 1, c.s.Requests("/cgi-bin/redirected"))
}

// TestDelayEndsWhenTheClientLeaves would last ten minutes otherwise: closing
// the server waits for the handler.
func TestDelayEndsWhenTheClientLeaves(t *testing.T) {
	s := newSandbox(t, Options{})
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	require.NoError(t, s.Inject(Fault{Kind: FaultDelay, DelayMS: maxDelayMS}))

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+stablePath, strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = server.Client().Do(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-done
	assert.Equal(t, 1, s.Requests(stablePath))
}

func TestDelayComesBeforeAnyKindOfFault(t *testing.T) {
	c := newClient(t, Options{})
	require.NoError(t, c.s.Inject(Fault{Kind: FaultErrCode, ErrCode: -1, DelayMS: 60}))
	start := time.Now()
	assert.Equal(t, -1, c.classic().code())
	assert.GreaterOrEqual(t, time.Since(start), 60*time.Millisecond)
}

func TestFaultsStrikeInOrderAndByPath(t *testing.T) {
	c := newClient(t, Options{})
	for _, f := range []Fault{
		{Kind: FaultErrCode, ErrCode: 1, Path: stablePath, Times: 2},
		{Kind: FaultErrCode, ErrCode: 2, Times: 1},
		{Kind: FaultErrCode, ErrCode: 3, Path: stablePath},
	} {
		require.NoError(t, c.s.Inject(f))
	}
	assert.Equal(t, 1, c.stable(false).code())
	assert.Equal(t, 1, c.s.Faults()[0].Times, "one is left")
	assert.Equal(t, 2, c.classic().code(), "the first fault is not for this path")
	assert.Zero(t, c.classic().code())
	assert.Equal(t, 1, c.stable(false).code())
	for range 3 {
		assert.Equal(t, 3, c.stable(false).code(), "times 0 stays")
	}
	c.s.ClearFaults()
	assert.Zero(t, c.stable(false).code())
}

func TestBareAnswersFalseWithoutErrcode(t *testing.T) {
	c := newClient(t, Options{})
	require.NoError(t, c.s.Inject(Fault{Kind: FaultBare}))
	wrong := demoSigned(t)
	wrong.JSONString += " "
	_, _, text := c.send("POST", verifyURL(c.classic().AccessToken), jsonOf(t, bodyOf(wrong)))
	assert.Equal(t, `{"is_ok":false}`, text)
	a := c.call("POST", verifyPath, "{}")
	assert.Equal(t, 41001, a.code(), "failures keep their errcode")
}

func TestInjectRefuses(t *testing.T) {
	good := Fault{Kind: FaultStatus, Path: verifyPath, Times: 1, DelayMS: 1, Status: 503}
	s := newSandbox(t, Options{})
	for name, tt := range map[string]struct {
		spoil  func(f *Fault)
		reason string
	}{
		"no kind":        {func(f *Fault) { f.Kind = "" }, `fault kind ""`},
		"unknown kind":   {func(f *Fault) { f.Kind = "explode" }, `fault kind "explode"`},
		"relative path":  {func(f *Fault) { f.Path = "cgi-bin/token" }, "want it to begin with /"},
		"control path":   {func(f *Fault) { f.Path = "/sandbox/faults" }, "control paths have no faults"},
		"negative times": {func(f *Fault) { f.Times = -1 }, "fault times -1"},
		"negative delay": {func(f *Fault) { f.DelayMS = -1 }, "fault delay_ms -1"},
		"endless delay":  {func(f *Fault) { f.DelayMS = maxDelayMS + 1 }, "fault delay_ms 600001"},
		"no delay":       {func(f *Fault) { f.Kind, f.DelayMS = FaultDelay, 0 }, "delay without delay_ms"},
		"no errcode":     {func(f *Fault) { f.Kind = FaultErrCode }, "errcode without errcode"},
		"success status": {func(f *Fault) { f.Status = 204 }, "fault status 204"},
		"gateway's path": {func(f *Fault) { f.Kind = FaultPermission }, `fault permission of path "/cgi-bin/soter/verify_signature", want /admin or none`},
		"gateway's code": {func(f *Fault) { f.Kind, f.Path, f.Code = FaultGateway, "", "NO_SUCH_CODE" }, `code "NO_SUCH_CODE", want one of ["EXCEED_AUTHORITY" "EXCEED_CONCURRENT`},
		"bad text":       {func(f *Fault) { f.ErrMsg = "\xff" }, "not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			f := good
			tt.spoil(&f)
			err := s.Inject(f)
			require.ErrorIs(t, err, ErrArgument)
			assert.ErrorContains(t, err, tt.reason)
			assert.Empty(t, s.Faults())
		})
	}
	require.NoError(t, s.Inject(good))
}

// TestResetWithoutAConnection has a server, as HTTP/2 is, that gives no
// connection away: it is broken all the same, and nothing is answered.
func TestResetWithoutAConnection(t *testing.T) {
	s := newSandbox(t, Options{})
	require.NoError(t, s.Inject(Fault{Kind: FaultReset}))
	w := httptest.NewRecorder()
	defer func() {
		err, _ := recover().(error)
		assert.True(t, errors.Is(err, http.ErrAbortHandler))
		assert.Empty(t, w.Body.String())
	}()
	s.ServeHTTP(w, httptest.NewRequest("GET", tokenPath, nil))
}
