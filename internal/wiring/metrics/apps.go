package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxApps bounds the apps with series of their own. All others share those of "other".
const maxApps = 100

// apps are the figures of each app's tokens, as a [prometheus.Collector].
type apps struct {
	fetches, failures *prometheus.Desc
	since, until      *prometheus.Desc

	mu    sync.Mutex
	order []string             // guarded by mu, as all below; apps with series
	known map[string]*appState // all apps, and other
}

// appState are the figures of one app.
type appState struct {
	own               bool // it has series of its own
	fetches, failures float64
	fetched, expires  time.Time // of the token; zero if there is none
}

func newApps() *apps {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("sotercall_"+name, help, []string{"app"}, nil)
	}
	return &apps{
		fetches:  desc("token_fetches_total", "Requests for an access_token at the token endpoint."),
		failures: desc("token_fetch_failures_total", "Requests for an access_token that brought none."),
		since: desc("token_fetched_timestamp_seconds",
			"When the token endpoint gave the current access_token; of the app other: the oldest of them."),
		until: desc("token_expires_timestamp_seconds",
			"When the current access_token expires; of the app other: the first of them."),
		known: map[string]*appState{other: {}},
	}
}

// set sets the AppIDs of all apps. One that is named twice counts once. Those with series
// keep them, and the next in the order get the free ones. An app that is gone loses its own.
func (a *apps) set(ids []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string]*appState{other: a.known[other]}
	var order []string
	for _, id := range ids {
		if all[id] != nil {
			continue
		}
		state := a.known[id]
		if state == nil {
			state = new(appState)
		}
		all[id] = state
		if state.own {
			order = append(order, id)
		}
	}
	for _, id := range ids {
		if state := all[id]; !state.own && len(order) < maxApps {
			state.own = true
			order = append(order, id)
		}
	}
	a.known, a.order = all, order
}

// counted returns the state that counts an app: its own, or the one that all further apps
// share. The caller holds a.mu.
func (a *apps) counted(id string) *appState {
	if state := a.known[id]; state != nil && state.own {
		return state
	}
	return a.known[other]
}

func (a *apps) fetched(id string, failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state := a.counted(id)
	state.fetches++
	if failed {
		state.failures++
	}
}

func (a *apps) held(id string, fetched, expires time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state := a.known[id]; state != nil { // else the app is gone
		state.fetched, state.expires = fetched, expires
	}
}

// Describe implements [prometheus.Collector].
func (a *apps) Describe(all chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{a.fetches, a.failures, a.since, a.until} {
		all <- desc
	}
}

// Collect implements [prometheus.Collector].
func (a *apps) Collect(all chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.order {
		a.collect(all, id, *a.known[id])
	}
	if len(a.known) == len(a.order)+1 {
		return // there are no others
	}
	others := *a.known[other]
	for _, state := range a.known {
		if !state.own {
			others.fetched, others.expires = first(others.fetched, state.fetched), first(others.expires, state.expires)
		}
	}
	a.collect(all, other, others)
}

func (a *apps) collect(all chan<- prometheus.Metric, id string, s appState) {
	all <- prometheus.MustNewConstMetric(a.fetches, prometheus.CounterValue, s.fetches, id)
	all <- prometheus.MustNewConstMetric(a.failures, prometheus.CounterValue, s.failures, id)
	if !s.fetched.IsZero() {
		all <- prometheus.MustNewConstMetric(a.since, prometheus.GaugeValue, inUnixSeconds(s.fetched), id)
	}
	if !s.expires.IsZero() {
		all <- prometheus.MustNewConstMetric(a.until, prometheus.GaugeValue, inUnixSeconds(s.expires), id)
	}
}

// first returns the earlier of two times. The zero Time is none.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func inUnixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
