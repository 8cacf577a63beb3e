package tokenserver_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"sotercall/internal/adapter"
	"sotercall/internal/function"
)

// A client that fetches many times a second within the life of one token is a figure
// in each log line, and one warning an hour.
func TestAClientThatStoresNoTokenIsSeen(t *testing.T) {
	clock := now
	var warnings, lines bytes.Buffer
	h, _, _ := newServer()
	h.Now = func() time.Time { return clock }
	h.Log = slog.New(slog.NewJSONHandler(&warnings, nil))
	build := func(map[string]string, *slog.Logger, *slog.LevelVar) (function.Function, error) {
		return function.Function{Calls: h.Calls()}, nil
	}
	host := function.New("token", build, &lines)
	fetch := func(presented string, more ...string) {
		body := `{"grant_type":"client_credential","appid":"` + shop + `","secret":"` + presented + `"` + strings.Join(more, "") + `}`
		r := httptest.NewRequest(http.MethodPost, "/cgi-bin/stable_token", strings.NewReader(body))
		host.Serve(r.Context(), adapter.Invocation{Platform: adapter.HTTP}, httptest.NewRecorder(), r)
	}
	fetch("shop-new")
	assert.NotContains(t, lines.String(), "token_repeats", "the first time is none")
	fetch("shop-new")
	assert.Contains(t, lines.String(), `"token_repeats":1`)

	for range 3600 { // once a second is no flood
		clock = clock.Add(time.Second)
		fetch("shop-new")
	}
	assert.Empty(t, warnings.String())
	assert.Contains(t, lines.String(), `"token_repeats":3601`)

	for range 1000 {
		clock = clock.Add(10 * time.Millisecond)
		fetch("shop-new")
	}
	assert.Equal(t, 1, strings.Count(warnings.String(), "\n"), warnings.String())
	assert.Contains(t, warnings.String(), `"client":"shop","appid":"wxshop"`)
	assert.NotContains(t, warnings.String(), "TOKEN")
	clock = clock.Add(time.Hour)
	for range 200 {
		fetch("shop-old")
	}
	assert.Equal(t, 2, strings.Count(warnings.String(), "\n"), "an hour later, once more")

	lines.Reset()
	fetch("all")
	assert.NotContains(t, lines.String(), "token_repeats", "clients are counted apart")
	fetch("shop-new", `,"force_refresh":true`)
	assert.NotContains(t, lines.String(), "token_repeats", "another token begins anew")
}
