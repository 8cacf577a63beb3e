package accesstoken

import (
	"sync"
	"time"

	"sotercall/internal/secret"
)

const (
	// newFor is how long a token counts as new: WeChat's front ends do not all learn
	// of it at the same moment.
	newFor = 2500 * time.Millisecond
	// provenFor is how long a token that WeChat has accepted is believed to be good,
	// although a front end refuses it: as long as WeChat wants forced refreshes to be
	// apart.
	provenFor = 30 * time.Second
	// maxRefusals in a row end that belief: if half of the front ends refuse a good
	// token, it is one in a million that so many do so one after the other.
	maxRefusals = 20
	// maxTokens is how many tokens are remembered; more than two are seldom in use.
	maxTokens = 4
)

// tokenHealth is what WeChat has said of the tokens that this instance uses.
type tokenHealth struct {
	now func() time.Time

	mu     sync.Mutex
	tokens []usedToken // guarded by mu; the one that was first used last stands last
}

type usedToken struct {
	value    secret.Text
	since    time.Time // when it was first used
	accepted time.Time // when WeChat last accepted it
	refusals int       // since then
}

// find finds the token, or begins to remember it. h.mu is held.
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

// inUse returns its arguments, and notes that token is about to be used.
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
