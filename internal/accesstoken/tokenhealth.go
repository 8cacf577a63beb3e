package accesstoken

import (
	"sync"
	"time"

	"sotercall/internal/secret"
)

const (
	// newFor is how long a token counts as new: WeChat's front ends do not all learn of it
	// at once.
	newFor = 2500 * time.Millisecond
	// provenFor is how long a token that WeChat has accepted is trusted although a front
	// end refuses it. It is WeChat's minimum time between forced refreshes.
	provenFor = 30 * time.Second
	// maxRefusals in a row end that trust. If half of the front ends refuse a valid token,
	// the chance of so many refusals in a row is one in a million.
	maxRefusals = 20
	// maxTokens bounds the tracked tokens; more than two are seldom in use.
	maxTokens = 4
)

// tokenHealth tracks WeChat's replies to the tokens that this instance uses.
type tokenHealth struct {
	now func() time.Time

	mu     sync.Mutex
	tokens []usedToken // guarded by mu; in the order of first use
}

type usedToken struct {
	value    secret.Text
	since    time.Time // when it was first used
	accepted time.Time // when WeChat last accepted it
	refusals int       // since then
}

// find returns the record of the token, and makes it if need be. The caller holds h.mu.
func (h *tokenHealth) find(value secret.Text) *usedToken {
	for i := range h.tokens {
		if h.tokens[i].value.Equal(value) {
			return &h.tokens[i]
		}
	}
	if len(h.tokens) == maxTokens {
		h.tokens = append(h.tokens[:0], h.tokens[1:]...)
	}
	h.tokens = append(h.tokens, usedToken{value: value, since: h.now()})
	return &h.tokens[len(h.tokens)-1]
}

// inUse returns its arguments, and records that token is about to be used.
func (h *tokenHealth) inUse(token Token, err error) (Token, error) {
	if err != nil {
		return token, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.find(token.Value)
	return token, nil
}

// Accepted implements [Source].
func (h *tokenHealth) Accepted(token secret.Text) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.find(token)
	t.accepted, t.refusals = h.now(), 0
}

// Refused implements [Source].
func (h *tokenHealth) Refused(token secret.Text) (why Why, isNew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, now := h.find(token), h.now()
	t.refusals++
	isNew = within(now, t.since, newFor)
	switch {
	case t.accepted.IsZero() && isNew:
		return TooNew, isNew
	case !t.accepted.IsZero() && within(now, t.accepted, provenFor) && t.refusals < maxRefusals:
		return Doubted, isNew
	}
	return Refused, isNew
}
