package upstream

import (
	"net/url"
	"slices"
	"sync"
	"time"
)

// restoreAfter is how long another host is used after the first has failed, before the
// first is tried again.
const restoreAfter = time.Minute

// Hosts are the base addresses of one API, in the order of preference. Calls use the first;
// while it fails, the next that replies. Hosts is safe for concurrent use. Use [NewHosts]
// to make one.
type Hosts struct {
	bases []*url.URL
	now   func() time.Time

	mu      sync.Mutex
	standIn int       // guarded by mu; the index of the host in use; 0 for the first
	since   time.Time // guarded by mu; when that host was last confirmed
}

// NewHosts returns Hosts of one base address or several. now is the wall clock.
func NewHosts(now func() time.Time, bases ...*url.URL) *Hosts {
	return &Hosts{bases: bases, now: now}
}

// Count returns the number of hosts.
func (h *Hosts) Count() int { return len(h.bases) }

// Route selects the hosts for the attempts of one call.
type Route struct {
	hosts *Hosts
	begun int  // the host of the first attempt
	at    int  // the host of the next one
	probe bool // whether the call finds out if the first host has recovered
}

// Route begins a call. From time to time a call tries the first host again.
func (h *Hosts) Route() Route {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := Route{hosts: h, begun: h.standIn}
	if now := h.now(); h.standIn != 0 && now.Sub(h.since).Abs() >= restoreAfter {
		r.begun, r.probe = 0, true
		h.since = now
	}
	r.at = r.begun
	return r
}

// Base returns the address for the next attempt.
func (r *Route) Base() *url.URL { return r.hosts.bases[r.at] }

// Leave makes the next attempt go to the next host.
func (r *Route) Leave() { r.at = (r.at + 1) % len(r.hosts.bases) }

// Answered records that the host at base has answered the call. If the call began at
// another host, which has failed or still owes its reply, base is used for a while. It
// reports whether the host has changed.
func (r *Route) Answered(base *url.URL) bool {
	h := r.hosts
	if base == h.bases[r.begun] && !r.probe {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.Index(h.bases, base)
	changed := i != h.standIn
	h.standIn, h.since = i, h.now()
	return changed
}
