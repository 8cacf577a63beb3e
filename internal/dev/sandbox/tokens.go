package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"sync"
	"time"
)

const (
	overlap       = 5 * time.Minute // how long a replaced token still works
	cloudbaseLife = 30 * time.Minute

	forcedPerDay  = 20
	forcedSpacing = 30 * time.Second
)

// EventToken is the access_token in the recorded events of deploy/events. A sandbox with it
// as Options.FirstToken accepts those events unchanged.
const EventToken = "sandbox_cc6_42OPhUJnch9WiLZH-yJdO4MjQ7xNqC_TU1DBvl5VxPlK7YSSAm72rvRwEVH08IZyqZ4Qfg9FvL_BfAHWLZAbmUQIhFHMXuU7y5ERIpgnUdYgOCuwQlnrjpYtJ4ry"

// beijing is the time zone of WeChat's quotas, which count calendar days.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// tokens is WeChat's side of access_token: the issued ones, and which of them are still
// valid. The two endpoints do not share tokens.
type tokens struct {
	now             func() time.Time
	life            time.Duration
	strict, hostile bool
	first           string // the text of the first one; "" is like any other

	mu         sync.Mutex
	issued     map[string]*accessToken // guarded by mu, as is everything below
	classic    *accessToken            // the newest of /cgi-bin/token
	stable     *accessToken            // the current one of stable_token
	lastForced time.Time
	forcedDay  string // the day that forced counts
	forced     int
}

type accessToken struct {
	text    string
	expires time.Time
	retires time.Time // refused from then on although not expired; zero: never
}

// retire ends t at the given time, unless it ends sooner already.
func (t *accessToken) retire(at time.Time) {
	if t != nil && (t.retires.IsZero() || at.Before(t.retires)) {
		t.retires = at
	}
}

func newTokens(o Options) *tokens {
	return &tokens{
		now:     o.Now,
		life:    o.ExpiresIn,
		strict:  o.Strict,
		hostile: o.HostileTokens,
		issued:  make(map[string]*accessToken),
	}
}

// check returns 0 for a valid token, otherwise the errcode, and whether it was ever issued
// here.
func (t *tokens) check(text string) (code int, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, known := t.issued[text]
	now := t.now()
	switch {
	case !known:
		return codeBadToken, false
	case !now.Before(token.expires):
		return codeExpired, true
	case !token.retires.IsZero() && !now.Before(token.retires):
		return codeBadToken, true
	}
	return 0, true
}

// good reports whether a token is valid.
func (t *tokens) good(text string) bool {
	code, _ := t.check(text)
	return code == 0
}

// fetchClassic issues a new token at every call and retires the previous one.
func (t *tokens) fetchClassic() tokenReply {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.classic.retire(t.overlapEnd(now))
	t.classic = t.mint(now, t.life)
	return t.classic.reply(now)
}

// fetchStable returns the same token until it is nearly due. A forced fetch replaces it and
// ends the old one at once. It is limited to 20 a day. Within 30 seconds of the last one,
// it counts as a normal fetch.
//
// WeChat's reply to the 21st is not documented; 45009 is among the codes of the endpoint.
func (t *tokens) fetchStable(force bool) (tokenReply, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if force && (t.lastForced.IsZero() || now.Sub(t.lastForced) >= forcedSpacing) {
		if !t.spendForced(now) {
			return tokenReply{}, &apiError{code: codeDailyQuota}
		}
		t.stable.retire(now)
		t.stable = t.mint(now, t.life)
		return t.stable.reply(now), nil
	}
	if t.stable == nil || t.stable.expires.Sub(now) <= t.renewal() {
		t.stable.retire(t.overlapEnd(now))
		t.stable = t.mint(now, t.life)
	}
	return t.stable.reply(now), nil
}

func (t *tokens) spendForced(now time.Time) bool {
	if day := now.In(beijing).Format(time.DateOnly); day != t.forcedDay {
		t.forcedDay, t.forced = day, 0
	}
	if t.forced == forcedPerDay {
		return false
	}
	t.forced++
	t.lastForced = now
	return true
}

// renewal returns how long before its end the platform replaces a stable token: five
// minutes, and for the short lives of tests a tenth.
func (t *tokens) renewal() time.Duration { return min(overlap, t.life/10) }

func (t *tokens) overlapEnd(now time.Time) time.Time {
	if t.strict {
		return now
	}
	return now.Add(overlap)
}

func (t *tokens) cloudbase() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mint(t.now(), cloudbaseLife).text
}

// mint must be called with mu held.
func (t *tokens) mint(now time.Time, life time.Duration) *accessToken {
	maps.DeleteFunc(t.issued, func(_ string, old *accessToken) bool {
		return now.Sub(old.expires) > 24*time.Hour
	})
	token := &accessToken{text: t.newText(), expires: now.Add(life)}
	t.issued[token.text] = token
	return token
}

// newText returns 136 characters, about as many as a token of WeChat has, with a prefix
// that shows their origin.
func (t *tokens) newText() string {
	if first := t.first; first != "" {
		t.first = ""
		return first
	}
	if t.hostile {
		random := make([]byte, 91) // not a multiple of 3: the base64 ends in "="
		_, _ = rand.Read(random)   // never fails, see crypto/rand
		return "sandbox+/=&a" + base64.StdEncoding.EncodeToString(random)
	}
	random := make([]byte, 96)
	_, _ = rand.Read(random)
	return "sandbox_" + base64.RawURLEncoding.EncodeToString(random)
}

// reply returns t as a reply. now is the time at which t was issued or found, not a new
// reading of the clock. So a fresh token has its whole life left.
func (t *accessToken) reply(now time.Time) tokenReply {
	return tokenReply{AccessToken: t.text, ExpiresIn: int(t.expires.Sub(now) / time.Second)}
}

func (t *tokens) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retireAll()
}

func (t *tokens) rotate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retireAll()
	t.classic, t.stable = nil, nil
}

func (t *tokens) retireAll() {
	for _, token := range t.issued {
		token.retire(t.now())
	}
}
