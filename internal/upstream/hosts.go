package upstream

import (
	"net/url"
	"slices"
	"sync"
	"time"
)

// restoreAfter is how long another host than the first is asked, after the first
// has failed, before the first is tried again.
const restoreAfter = time.Minute

// Hosts are the base addresses at which one API is reached, in the order of
// preference. The first is asked; while it fails, the next that answers. Hosts may
// be used concurrently. Make them with [NewHosts].
type Hosts struct {
	bases []*url.URL
	now   func() time.Time

	mu      sync.Mutex
	standIn int       // guarded by mu; the host that is asked in place of the first; 0: none
	since   time.Time // guarded by mu; when that was last found to be right
}

// NewHosts makes Hosts of one base address or several. now is the clock on the wall.
func NewHosts(now func() time.Time, bases ...*url.URL) *Hosts {
	return &Hosts{bases: bases, now: now}
}

// Count is how many hosts there are.
func (h *Hosts) Count() int { return len(h.bases) }

// Route is the way of one call through the hosts: where its attempts go.
type Route struct {
	hosts *Hosts
	begun int  // the host of the first attempt
	at    int  // the host of the next one
	probe bool // whether the call finds out if the first host is back
}

// Route begins a call. Now and then it is one that tries the first host again.
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

// Base is the address for the next attempt.
func (r *Route) Base() *url.URL { return r.hosts.bases[r.at] }

// Leave makes the next attempt go to the next host.
func (r *Route) Leave() { r.at = (r.at + 1) % len(r.hosts.bases) }

// Answered tells that the host at base has answered the call. If the call was begun
// at another, which has failed or still owes its answer, base is asked for a while.
// It reports whether the host has changed.
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
