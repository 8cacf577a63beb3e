package wechat

import (
	"sync"
	"time"

	"sotercall/internal/accesstoken"
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
	// refusals in a row end that belief: if half of the front ends refuse a good
	// token, it is one in a million that so many do so one after the other.
	maxRefusals = 20
	// maxStandings is how many tokens are remembered; more than two are seldom in use.
	maxStandings = 4
)

// standings are what this instance has seen of the tokens that it uses.
type standings struct {
	now func() time.Time

	mu  sync.Mutex
	all []standing // guarded by mu; the one that was first used last stands last
}

type standing struct {
	token    secret.Text
	since    time.Time // when it was first used
	accepted time.Time // when WeChat last accepted it
	refusals int       // since then
}

// of finds or makes the standing of token. s.mu is held.
func (s *standings) of(token secret.Text) *standing {
	for i := range s.all {
		if s.all[i].token.Equal(token) {
			return &s.all[i]
		}
	}
	if len(s.all) == maxStandings {
		s.all = append(s.all[:0], s.all[1:]...)
	}
	s.all = append(s.all, standing{token: token, since: s.now().Round(0)})
	return &s.all[len(s.all)-1]
}

// use notes that token is about to be used.
func (s *standings) use(token secret.Text) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(token)
}

// accept notes that WeChat has accepted token.
func (s *standings) accept(token secret.Text) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.of(token)
	t.accepted, t.refusals = s.now().Round(0), 0
}

// refuse notes that WeChat has refused token. It reports whether the token is new,
// so that waiting may help, and why it may be good all the same; empty if it cannot
// be.
func (s *standings) refuse(token secret.Text) (isNew bool, doubt accesstoken.Doubt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, now := s.of(token), s.now().Round(0)
	t.refusals++
	isNew = now.Sub(t.since).Abs() < newFor
	switch {
	case t.accepted.IsZero() && isNew:
		doubt = accesstoken.New
	case !t.accepted.IsZero() && now.Sub(t.accepted).Abs() < provenFor && t.refusals < maxRefusals:
		doubt = accesstoken.Accepted
	}
	return isNew, doubt
}
