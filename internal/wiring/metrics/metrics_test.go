package metrics

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/function"
	"sotercall/internal/openapi"
	"sotercall/internal/store"
	"sotercall/internal/wiring"
)

var (
	_ function.Metrics = (*Metrics)(nil)
	_ wiring.Observer  = (*Metrics)(nil)
)

// status is a function.Status.
type status struct {
	mu    sync.Mutex
	looks int // guarded by mu
}

func (*status) LogDropped() int { return 7 }

func (s *status) Notices() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return nil
}

// scraped are the figures of one scrape.
type scraped struct {
	text     string
	families map[string]*dto.MetricFamily
}

// scrape asks handler for its figures, as Prometheus does.
func scrape(t *testing.T, handler http.Handler) scraped {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, Path, nil))
	require.Equal(t, http.StatusOK, w.Code)
	text := w.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err)
	return scraped{text, families}
}

// value returns the value of the series of a metric with these labels, given as name and
// value in turn, and reports whether there is one.
func (s scraped) value(name string, labels ...string) (value float64, found bool) {
	for _, series := range s.families[name].GetMetric() {
		got := map[string]string{}
		for _, label := range series.GetLabel() {
			got[label.GetName()] = label.GetValue()
		}
		want := map[string]string{}
		for i := 0; i < len(labels); i += 2 {
			want[labels[i]] = labels[i+1]
		}
		if assert.ObjectsAreEqual(want, got) {
			return series.GetCounter().GetValue() + series.GetGauge().GetValue() + float64(series.GetHistogram().GetSampleCount()), true
		}
	}
	return 0, false
}

func line(attrs ...any) slog.Record {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "invocation", 0)
	r.Add(attrs...)
	return r
}

func TestInvocationIsCountedByItsLogLine(t *testing.T) {
	const verify = "openapi.soter.verifySignature"
	m := New(store.Items)
	handler := m.Handler(new(status))
	value, found := scrape(t, handler).value("sotercall_faults_total")
	assert.True(t, found, "an increase from 0 is seen")
	assert.Zero(t, value)

	m.Invocation(line("function", "service", "call", verify, "openid", "oU…01", "errCode", 0, "outcome", "genuine",
		"token_ms", 2.0, "upstream_ms", 90.0, "upstream_attempts", 2, "total_ms", 100.0))
	m.Invocation(line("call", verify, "errCode", openapi.CodeInvalidParam, "outcome", "error", "error", "no openid", "total_ms", 0.3))
	m.Invocation(line("call", verify, "errCode", 40164, "outcome", "error", "upstream_attempts", 1, "upstream_ms", 30.0, "total_ms", 31.0))
	m.Invocation(line("call", verify, "errCode", 99999999, "outcome", "error", "total_ms", 31.0))
	m.Invocation(line("call", verify, "errCode", 99999998, "outcome", "error", "total_ms", 31.0))
	m.Invocation(line("call", verify, "errCode", 0, "outcome", "genuine", "panic", "runtime error", "total_ms", 1.0))
	m.Invocation(line("panic", "runtime error", "total_ms", 1.0))
	s := scrape(t, handler)
	for _, c := range []struct {
		want   float64
		metric string
		labels []string
	}{
		{1, "sotercall_calls_total", []string{"call", verify, "outcome", "genuine", "errcode", "0"}},
		{1, "sotercall_calls_total", []string{"call", verify, "outcome", "error", "errcode", "-501007"}},
		{1, "sotercall_calls_total", []string{"call", verify, "outcome", "error", "errcode", "40164"}},
		{2, "sotercall_calls_total", []string{"call", verify, "outcome", "error", "errcode", "other"}},
		{1, "sotercall_calls_total", []string{"call", verify, "outcome", "error", "errcode", "-604103"}},
		{1, "sotercall_calls_total", []string{"call", "none", "outcome", "error", "errcode", "-604103"}},
		{5, "sotercall_faults_total", nil}, // all but the genuine one and -501007
		{5, "sotercall_call_duration_seconds", []string{"call", verify, "outcome", "error"}},
		{1, "sotercall_token_wait_seconds", nil},
		{2, "sotercall_upstream_duration_seconds", nil},
		{3, "sotercall_upstream_attempts_total", nil},
		{7, "sotercall_log_lines_dropped_total", nil},
		{0, "sotercall_store_errors_total", []string{"item", "challenge"}},
	} {
		got, found := s.value(c.metric, c.labels...)
		assert.True(t, found, "%s %v", c.metric, c.labels)
		assert.InDelta(t, c.want, got, 0, "%s %v", c.metric, c.labels)
	}
	sum := s.families["sotercall_call_duration_seconds"].GetMetric()
	assert.InDelta(t, .1, sum[len(sum)-1].GetHistogram().GetSampleSum(), 1e-9, "seconds, not milliseconds")
	assert.NotContains(t, s.text, "oU…01")
	assert.NotContains(t, s.text, "no openid")
}

// promtool check metrics has the same rules.
func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	m := New(store.Items)
	m.Invocation(line("call", "c", "errCode", 0, "outcome", "genuine", "token_ms", 2.0, "upstream_ms", 90.0, "total_ms", 100.0))
	m.StoreFailed("token")
	m.FileDiffers("WECHAT_APPS_FILE", true)
	m.Apps([]string{"wx1"})
	m.TokenHeld("wx1", time.Now(), time.Now())
	s := scrape(t, m.Handler(new(status)))
	problems, err := promlint.New(strings.NewReader(s.text)).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
	for _, name := range []string{"sotercall_build_info", "sotercall_token_expires_timestamp_seconds", "go_goroutines"} {
		assert.Contains(t, s.families, name, "the twin: all are there")
	}
	problems, err = promlint.New(strings.NewReader("# TYPE fetchCount counter\nfetchCount{errCode=\"0\"} 1\n")).Lint()
	require.NoError(t, err)
	assert.NotEmpty(t, problems, "the twin: it would find some")
}

func appID(i int) string { return fmt.Sprintf("wx%016x", i) }

func TestFirstHundredAppsHaveSeriesOfTheirOwn(t *testing.T) {
	m := New(nil)
	handler := m.Handler(new(status))
	var ids []string
	for i := range 150 {
		ids = append(ids, appID(i))
	}
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	m.Apps(ids)
	for i, id := range ids {
		m.TokenFetched(id, nil)
		m.TokenHeld(id, noon.Add(time.Duration(200-i)*time.Minute), noon.Add(time.Duration(1000-i)*time.Minute))
	}
	m.TokenFetched(appID(99), errors.New("40164"))
	m.TokenFetched(appID(100), errors.New("40164"))
	m.TokenFetched("wx-of-nobody", nil)
	s := scrape(t, handler)
	expect := func(want float64, metric, app string) {
		t.Helper()
		got, found := s.value(metric, "app", app)
		assert.True(t, found, app)
		assert.InDelta(t, want, got, 0, "%s of %s", metric, app)
	}
	for _, metric := range []string{"sotercall_token_fetches_total", "sotercall_token_fetch_failures_total",
		"sotercall_token_fetched_timestamp_seconds", "sotercall_token_expires_timestamp_seconds"} {
		assert.Len(t, s.families[metric].GetMetric(), 101, metric)
	}
	expect(1, "sotercall_token_fetches_total", appID(0))
	expect(0, "sotercall_token_fetch_failures_total", appID(0))
	expect(2, "sotercall_token_fetches_total", appID(99))
	expect(1, "sotercall_token_fetch_failures_total", appID(99))
	expect(52, "sotercall_token_fetches_total", "other")
	expect(1, "sotercall_token_fetch_failures_total", "other")
	expect(float64(noon.Add(101*time.Minute).Unix()), "sotercall_token_fetched_timestamp_seconds", appID(99))
	expect(float64(noon.Add(51*time.Minute).Unix()), "sotercall_token_fetched_timestamp_seconds", "other")
	expect(float64(noon.Add(851*time.Minute).Unix()), "sotercall_token_expires_timestamp_seconds", "other")

	// A new document: one app is gone, and one is new, at the beginning.
	m.Apps(append([]string{"wxnew"}, ids[1:]...))
	s = scrape(t, handler)
	assert.NotContains(t, s.text, appID(0))
	expect(2, "sotercall_token_fetches_total", appID(99))
	expect(0, "sotercall_token_fetches_total", "wxnew")
	_, found := s.value("sotercall_token_expires_timestamp_seconds", "app", "wxnew")
	assert.False(t, found, "it has no token yet")
	assert.Len(t, s.families["sotercall_token_fetches_total"].GetMetric(), 101)
	m.Apps(ids[1:3])
	s = scrape(t, handler)
	assert.Len(t, s.families["sotercall_token_fetches_total"].GetMetric(), 2, "there are no others")
	m.Apps([]string{ids[1], ids[2], ids[1]})
	s = scrape(t, handler)
	assert.Len(t, s.families["sotercall_token_fetches_total"].GetMetric(), 2, "one that is named twice counts once")
}

func TestScrapesWhileCallsRun(t *testing.T) {
	m, s := New(store.Items), new(status)
	handler := m.Handler(s)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 200 {
				m.Invocation(line("call", "c", "errCode", n, "outcome", "error", "total_ms", 1.0))
				m.Apps([]string{appID(i), appID(n)})
				m.TokenHeld(appID(n), time.Now(), time.Now())
				m.TokenFetched(appID(n), nil)
				m.StoreFailed("token")
				m.FileDiffers("WECHAT_APPS_FILE", n%2 == 0)
			}
		})
	}
	for range 20 {
		scrape(t, handler)
	}
	all.Wait()
	got, _ := scrape(t, handler).value("sotercall_store_errors_total", "item", "token")
	assert.InDelta(t, 800, got, 0)
	assert.Equal(t, 21, s.looks, "each scrape has the function look at its files")
}

func TestNothingElseIsServed(t *testing.T) {
	handler := New(nil).Handler(new(status))
	for request, want := range map[string]int{"GET /metrics": 200, "HEAD /metrics": 200, "POST /metrics": 405, "GET /": 404, "GET /debug/pprof/": 404} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		assert.Equal(t, want, w.Code, request)
	}
}

func TestAddress(t *testing.T) {
	const clash = "METRICS_PORT must be another port than PORT"
	for text, want := range map[string]string{
		"9464":           "127.0.0.1:9464",
		"0.0.0.0:9464":   "0.0.0.0:9464",
		"[::1]:9464":     "[::1]:9464",
		"[::]:9464":      "[::]:9464",
		"localhost:9464": "localhost:9464",
		"8080":           clash,
		"08080":          clash,
		"0.0.0.0:8080":   clash,
		"":               errAddress.Error(),
		":9464":          errAddress.Error(),
		"0":              errAddress.Error(),
		"65536":          errAddress.Error(),
		"-1":             errAddress.Error(),
		"http":           errAddress.Error(),
		"0.0.0.0":        errAddress.Error(),
		"example.com:80": errAddress.Error(),
		"127.0.0.1:":     errAddress.Error(),
	} {
		got, err := address(text, "8080")
		if err != nil {
			got = err.Error()
		}
		assert.Equal(t, want, got, "%q", text)
	}
}

func TestServe(t *testing.T) {
	m := New(nil)
	t.Setenv("PORT", "8080")
	t.Setenv(function.MetricsVariable, "8080")
	_, err := m.Serve(new(status))
	require.EqualError(t, err, "METRICS_PORT must be another port than PORT")
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	t.Setenv(function.MetricsVariable, strings.TrimPrefix(taken.URL, "http://"))
	_, err = m.Serve(new(status))
	require.ErrorContains(t, err, "METRICS_PORT: listen tcp")

	taken.Close()
	stop, err := m.Serve(new(status))
	require.NoError(t, err)
	resp, err := http.Get(taken.URL + Path)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, string(body), "sotercall_build_info")
	stop()
	_, err = http.Get(taken.URL + Path)
	require.Error(t, err, "it has ended")
}
