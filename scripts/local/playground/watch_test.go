package playground

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A request that its sender has given up is no failure of the server, which can only fail.
func TestWhatNobodyWaitsForHasNotFailed(t *testing.T) {
	unavailable := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	fine := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"expires_in":7200}`)) })
	for name, c := range map[string]struct {
		token http.Handler
		left  bool
		want  string
	}{
		"failed":                     {unavailable, false, `"outcome":"failed","what":"GET /cgi-bin/token","said":"HTTP 503"`},
		"given up":                   {unavailable, true, `"outcome":"left"`},
		"answered":                   {fine, false, `"outcome":"ok"`},
		"answered, but nobody waits": {fine, true, `"outcome":"ok"`},
	} {
		told := httptest.NewRecorder()
		w := newWatcher(http.NotFoundHandler(), c.token)
		w.record.Store(&record{began: time.Now(), stream: newStream(told)})
		ctx, leave := context.WithCancel(t.Context())
		if c.left {
			leave()
		}
		w.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/functions/cgi-bin/token", nil).WithContext(ctx))
		leave()
		events := strings.Split(strings.TrimSpace(told.Body.String()), "\n\n")
		assert.Contains(t, events[len(events)-1], c.want, name)
	}
}
