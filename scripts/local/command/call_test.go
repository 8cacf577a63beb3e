package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
)

// newEvent is an event that a phone has signed.
func newEvent(t *testing.T, w *world, openid string) []byte {
	t.Helper()
	phone, err := w.sandbox.Phone(openid, sandbox.Android)
	require.NoError(t, err)
	signed, err := phone.Sign("call")
	require.NoError(t, err)
	return hosting.Event(signed)
}

func TestCall(t *testing.T) {
	w := openWorld(t, settings{})
	event := newEvent(t, w, alice)
	asAlice, asBob := map[string]string{"WX_OPENID": alice}, map[string]string{"WX_OPENID": bob}
	for name, c := range map[string]struct {
		call   call
		status int
		answer string // a part of it
		line   string // a part of it
	}{
		"a backend on Lambda":            {call{"lambda", "verify", event, nil}, 200, verified, `"platform":"lambda"`},
		"a backend on SCF":               {call{"scf", "verify", event, nil}, 200, verified, `"platform":"scf"`},
		"a page on SCF":                  {call{"scf", "verify", event, asAlice}, 200, verified, `"isOk":true`},
		"another's page on SCF":          {call{"scf", "verify", event, asBob}, 200, "-604104", `"errCode":-604104`},
		"the user whom the event names":  {call{"http", "verify", event, nil}, 200, verified, `"platform":"http"`},
		"a page in Cloud Hosting":        {call{"http", "verify", event, asAlice}, 200, verified, `"isOk":true`},
		"another's page there":           {call{"http", "verify", event, asBob}, 403, "-604104", `"errCode":-604104`},
		"a challenge that is not ours":   {call{"lambda", strictVerify, event, nil}, 200, `"isOk":false`, "not one that we issued"},
		"a challenge that is not theirs": {call{"http", strictVerify, event, nil}, 200, `"isOk":false`, "not one that we issued"},
		"a challenge there":              {call{"http", "challenge", []byte("{}"), asAlice}, 200, `"challenge":"`, `"errCode":0`},
		"no JSON":                        {call{"lambda", "verify", []byte("{"), nil}, 200, "-501007", `"errCode":-501007`},
	} {
		got, err := w.call(t.Context(), c.call)
		require.NoError(t, err, name)
		assert.Equal(t, c.status, got.status, name)
		assert.Contains(t, string(got.answer), c.answer, name)
		assert.Contains(t, string(got.line), c.line, name)
		assert.False(t, got.failed, name)
		assert.Positive(t, got.duration, name)
	}
	for says, c := range map[string]call{
		"no function verify on azure":      {"azure", "verify", event, nil},
		"no function nothing on scf":       {"scf", "nothing", event, nil},
		"no function token on http":        {"http", "token", event, nil},
		"neither the event nor WX_OPENID":  {"http", "verify", []byte("{}"), nil},
		"and no TCB_SOURCE":                {"http", "verify", event, map[string]string{"TCB_SOURCE": "scf"}},
		"Lambda has no per-invocation env": {"lambda", "verify", event, asAlice},
	} {
		_, err := w.call(t.Context(), c)
		assert.ErrorContains(t, err, says)
	}
}

// Nobody becomes another user by headers, nor asks a container that is not there.
func TestTheDoorOfCallContainer(t *testing.T) {
	w := openWorld(t, settings{platforms: []string{httpPlatform}})
	event := newEvent(t, w, alice)
	for name, c := range map[string]struct {
		openid, header, value string
		status                int
		says                  string
	}{
		"the user":            {alice, "X-Other", "o", 200, verified},
		"another":             {bob, "X-Other", "o", 403, "-604104"},
		"another, forged":     {bob, "X-WX-OPENID", alice, 403, "-604104"},
		"forged as a backend": {bob, "X-WX-SOURCE", "scf", 403, "-604104"},
		"by name":             {alice, "X-WX-SERVICE", container, 200, verified},
		"the strict one":      {alice, "X-WX-SERVICE", strictContainer, 200, `"isOk":false`},
		"none":                {alice, "X-WX-SERVICE", "nothing", 404, "there are service and service-challenges"},
		"no openid":           {"%20", "X-Other", "o", 400, "openid"},
	} {
		address := w.base + "/callContainer/" + c.openid + verifyPaths[0]
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(event))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(c.header, c.value)
		resp, body := do(t, r)
		assert.Equal(t, c.status, resp.StatusCode, name)
		assert.Contains(t, body, c.says, name)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+verifyPaths[0], bytes.NewReader(event))
	require.NoError(t, err)
	resp, _ := do(t, r)
	assert.Equal(t, 404, resp.StatusCode, "this world has no function behind a gateway")
}

func TestJournal(t *testing.T) {
	passed := newOutput()
	j := newJournal(passed)
	line := func(id any) string { return fmt.Sprintf(`{"msg":"invocation","request_id":"%v","n":1}`, id) }
	write := func(text string) {
		n, err := j.Write([]byte(text + "\n"))
		require.NoError(t, err)
		require.Len(t, text+"\n", n)
	}
	go func() { write("no JSON"); write(`{"msg":"other","request_id":"a"}`); write(line("a")) }()
	assert.Equal(t, line("a"), string(j.line(t.Context(), "a")), "it waits for what has not arrived")
	for id := range keptLines {
		write(line(id))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	assert.Nil(t, j.line(ctx, "a"), "old lines are forgotten")
	assert.NotNil(t, j.line(t.Context(), "0"), "the twin")
	assert.Equal(t, 3+keptLines, strings.Count(passed.String(), "\n"), "all is passed on")
}
