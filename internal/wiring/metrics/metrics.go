// Package metrics counts what functions/service does, and serves the figures in Prometheus'
// text format where there is no CloudWatch.
//
// The figures of an invocation are those of its log line, so a metric and a sum over the
// log agree. Package wiring reports what happens beside invocations: a token is fetched, a
// store fails, a file changes. No label has a value that a caller chooses. An errCode is in
// our table or "other"; an app is among the first maxApps or "other". Nothing of a user and
// no secret is among them.
package metrics

import (
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"sotercall/internal/openapi"
	"sotercall/internal/version"
)

// other is the value of a label for all that have no series of their own.
const other = "other"

// seconds are the upper bounds of the histograms' buckets. A warm call takes half a
// millisecond without WeChat, WeChat some 100, and REQUEST_TIMEOUT is 10 s by default.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Metrics are the figures of one process. They are safe for concurrent use. Use [New] to
// make them.
type Metrics struct {
	registry *prometheus.Registry
	codes    map[int64]string // the label of each errCode of the table, and of 0
	apps     *apps

	calls      *prometheus.CounterVec
	faults     prometheus.Counter
	duration   *prometheus.HistogramVec
	tokenWait  prometheus.Histogram
	upstream   prometheus.Histogram
	attempts   prometheus.Counter
	storeFails *prometheus.CounterVec
	differs    *prometheus.GaugeVec
}

// New returns Metrics without counts. storeItems are the kinds of items in a store. Each
// has a series from the start, so that its first failure is seen as an increase.
func New(storeItems []string) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: "sotercall_" + name, Help: help}
	}
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: "sotercall_" + name, Help: help, Buckets: seconds}
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(), codes: map[int64]string{0: "0"}, apps: newApps(),
		calls: prometheus.NewCounterVec(counter("calls_total",
			"Calls by name, outcome and errCode, as in the log; errcode is other for one that call.md does not have."),
			[]string{"call", "outcome", "errcode"}),
		faults: prometheus.NewCounter(counter("faults_total",
			"Calls whose errCode tells of a fault of the deployment, of WeChat or on the way there, and not of the request.")),
		duration: prometheus.NewHistogramVec(histogram("call_duration_seconds",
			"How long a call took (total_ms in the log)."), []string{"call", "outcome"}),
		tokenWait: prometheus.NewHistogram(histogram("token_wait_seconds",
			"How long a call waited for an access_token, of those that did (token_ms in the log).")),
		upstream: prometheus.NewHistogram(histogram("upstream_duration_seconds",
			"How long the requests to WeChat took that one call made, of those that made any (upstream_ms in the log).")),
		attempts: prometheus.NewCounter(counter("upstream_attempts_total",
			"Requests to WeChat that calls made, with those that were repeated (upstream_attempts in the log).")),
		storeFails: prometheus.NewCounterVec(counter("store_errors_total",
			"Operations that the store failed, by what they were about."), []string{"item"}),
		differs: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sotercall_file_differs",
			Help: "1 while the file that a variable names is not the one that is loaded, or cannot be used."}, []string{"variable"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "sotercall_build_info", Help: "Always 1; the label has the version.",
		ConstLabels: prometheus.Labels{"version": version.String()}})
	build.Set(1)
	m.registry.MustRegister(m.calls, m.faults, m.duration, m.tokenWait, m.upstream, m.attempts, m.storeFails, m.differs, m.apps, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, code := range openapi.Codes() {
		m.codes[int64(code.Number)] = strconv.Itoa(code.Number)
	}
	for _, item := range storeItems {
		m.storeFails.WithLabelValues(item)
	}
	return m
}

// Invocation counts an invocation by its log line.
func (m *Metrics) Invocation(line slog.Record) {
	call, outcome, code, total, isBug := "none", "error", int64(openapi.CodeSystem), 0.0, false
	line.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "call":
			call = a.Value.String()
		case "outcome":
			outcome = a.Value.String()
		case "errCode":
			code = whole(a.Value)
		case "upstream_attempts":
			m.attempts.Add(float64(whole(a.Value)))
		case "total_ms":
			total = inSeconds(a.Value)
		case "token_ms":
			m.tokenWait.Observe(inSeconds(a.Value))
		case "upstream_ms":
			m.upstream.Observe(inSeconds(a.Value))
		case "panic":
			isBug = true
		}
		return true
	})
	if isBug { // the caller got CodeSystem, whatever the call returned
		outcome, code = "error", openapi.CodeSystem
	}
	label, known := m.codes[code]
	if !known {
		label = other
	}
	m.calls.WithLabelValues(call, outcome, label).Inc()
	m.duration.WithLabelValues(call, outcome).Observe(total)
	if code != 0 && openapi.LookUp(int(code)).Fault() {
		m.faults.Inc()
	}
}

func whole(v slog.Value) int64 {
	if v.Kind() != slog.KindInt64 {
		return 0
	}
	return v.Int64()
}

// inSeconds converts a duration of the log, which is in milliseconds.
func inSeconds(v slog.Value) float64 {
	if v.Kind() != slog.KindFloat64 {
		return 0
	}
	return v.Float64() / float64(time.Second/time.Millisecond)
}

// StoreFailed implements [sotercall/internal/wiring.Observer].
func (m *Metrics) StoreFailed(item string) { m.storeFails.WithLabelValues(item).Inc() }

// FileDiffers implements [sotercall/internal/wiring.Observer].
func (m *Metrics) FileDiffers(variable string, differs bool) {
	value := 0.0
	if differs {
		value = 1
	}
	m.differs.WithLabelValues(variable).Set(value)
}

// Apps implements [sotercall/internal/wiring.Observer].
func (m *Metrics) Apps(ids []string) { m.apps.set(ids) }

// TokenFetched implements [sotercall/internal/wiring.Observer].
func (m *Metrics) TokenFetched(appID string, err error) { m.apps.fetched(appID, err != nil) }

// TokenHeld implements [sotercall/internal/wiring.Observer].
func (m *Metrics) TokenHeld(appID string, fetched, expires time.Time) {
	m.apps.held(appID, fetched, expires)
}
