package tokenserver

import (
	"sync"
	"time"

	"sotercall/internal/secret"
)

const (
	// burst requests for one token within burstTime come from a client that stores no
	// token, not from many starting instances.
	burst     = 100
	burstTime = 10 * time.Second
	// warnEvery is the minimum time between warnings about one client and app.
	warnEvery = time.Hour
)

// repeats counts how often a client requests a token that it has already. The zero value is
// ready. It counts the requests to one instance.
type repeats struct {
	mu   sync.Mutex
	seen map[repeatKey]*repeat // at most one for each client and app
}

type repeatKey struct {
	client *Client
	appID  string
}

type repeat struct {
	token    secret.Text
	count    int       // requests for token after the first
	since    time.Time // when the current burstTime began
	inBurst  int       // requests since then
	warnedAt time.Time
}

// add counts a request that gets token. It returns how many requests of the client for that
// token came before, and whether to warn about it now.
func (r *repeats) add(client *Client, appID string, token secret.Text, now time.Time) (count int, warn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := repeatKey{client, appID}
	seen := r.seen[key]
	if seen == nil {
		if r.seen == nil {
			r.seen = make(map[repeatKey]*repeat)
		}
		seen = &repeat{token: token, count: -1}
		r.seen[key] = seen
	}
	if !seen.token.Equal(token) {
		seen.token, seen.count, seen.inBurst = token, -1, 0
	}
	seen.count++
	if since := now.Sub(seen.since); seen.inBurst == 0 || since < 0 || since >= burstTime {
		seen.since, seen.inBurst = now, 0
	}
	seen.inBurst++
	if since := now.Sub(seen.warnedAt); seen.inBurst >= burst && (since < 0 || since >= warnEvery) {
		seen.warnedAt = now
		return seen.count, true
	}
	return seen.count, false
}
