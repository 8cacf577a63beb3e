package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"sotercall/internal/secret"
)

// history is what happens to two instances that share a store.
type history struct {
	classic, function bool
	steps             []step
}

// step is one thing that happens: time passes, something changes, and one instance is
// asked.
type step struct {
	pass     time.Duration
	again    bool          // it is asked what was asked before, a moment later
	jump     time.Duration // of the instance's clock
	change   string        // at the endpoint, or in the store
	instance int
	why      why
	claimed  bool
	several  bool
	not      string // which token is to be replaced: the current one, the same as last time, the one before, or junk
}

var changes = []string{"well", "well", "well", "well", "store back", "busy", "quota", "secret", "hangs", "stubborn", "stubborn", "rotate", "revoke", "revoke", "store away", "store loses", "store hangs", "store back"}

var histories = rapid.Custom(func(t *rapid.T) history {
	h := history{classic: rapid.Bool().Draw(t, "classic")}
	h.function = !h.classic && rapid.Bool().Draw(t, "function")
	h.steps = rapid.SliceOfN(rapid.Custom(drawStep), 60, 120).Draw(t, "steps")
	return h
})

func drawStep(t *rapid.T) step {
	span := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 100 * time.Millisecond, time.Second, time.Second, 10 * time.Second, time.Minute, time.Hour}).Draw(t, "span")
	s := step{
		pass:     rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64Range(0, int64(span)).Draw(t, "ns")) }).Draw(t, "pass"),
		again:    rapid.IntRange(0, 2).Draw(t, "again") == 0,
		instance: rapid.IntRange(0, 1).Draw(t, "instance"),
		why:      rapid.SampledFrom([]why{anyToken, anyToken, beforeUse, presented, presented, refused, doubted, tooNew, onRequest}).Draw(t, "why"),
		claimed:  rapid.Bool().Draw(t, "claimed"),
		several:  rapid.Bool().Draw(t, "several"),
		not:      rapid.SampledFrom([]string{"current", "current", "the same", "before", "junk"}).Draw(t, "not"),
	}
	if rapid.IntRange(0, 5).Draw(t, "changes") == 0 {
		s.change = rapid.SampledFrom(changes).Draw(t, "change")
	}
	if rapid.IntRange(0, 19).Draw(t, "jumps") == 0 {
		s.jump = time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "jump"))
	}
	return s
}

// faulty is a Memory that takes its time, and that may be away, hang or lose what is saved.
type faulty struct {
	*Memory
	mode  atomic.Value // string
	loads atomic.Int32
}

func (s *faulty) delay(ctx context.Context) error {
	d := time.Millisecond
	if s.mode.Load() == "store hangs" {
		d = time.Hour
	}
	if err := sleep(ctx, d); err != nil {
		return err
	}
	if s.mode.Load() == "store away" {
		return errAway
	}
	return nil
}

func (s *faulty) Load(ctx context.Context) (State, error) {
	s.loads.Add(1)
	if err := s.delay(ctx); err != nil {
		return State{}, err
	}
	return s.Memory.Load(ctx)
}

func (s *faulty) Acquire(ctx context.Context, life time.Duration, cold bool) (State, Lease, error) {
	if err := s.delay(ctx); err != nil {
		return State{}, Lease{}, err
	}
	return s.Memory.Acquire(ctx, life, cold)
}

func (s *faulty) Save(ctx context.Context, lease Lease, state State) error {
	if err := s.delay(ctx); err != nil {
		return err
	}
	if s.mode.Load() == "store loses" {
		return s.Memory.Release(ctx, lease)
	}
	return s.Memory.Save(ctx, lease, state)
}

func (s *faulty) Release(ctx context.Context, lease Lease) error {
	if err := s.delay(ctx); err != nil {
		return err
	}
	return s.Memory.Release(ctx, lease)
}

// played is a history that is being played.
type played struct {
	*wechat
	store     *faulty
	instances [2]*Cache
	ahead     [2]atomic.Int64 // of each instance's clock
	named     secret.Text     // the token that was last to be replaced
	reached   map[string]int
	problems  []string
}

func play(ctx context.Context, t *testing.T, h history, reached map[string]int) []string {
	p := &played{wechat: newWechat(), store: &faulty{Memory: new(Memory)}, reached: reached}
	p.classic = h.classic
	p.store.mode.Store("store back")
	for i := range p.instances {
		c := p.cache(p.store)
		c.config.Function = h.function
		c.config.Now = func() time.Time { return time.Now().Add(time.Duration(p.ahead[i].Load())) }
		c.config.Strangers = &Strangers{now: time.Now, taken: make(chan struct{}, 1000)} // as many as they like
		p.instances[i] = c
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for n, s := range h.steps {
		if n > 0 && s.again {
			before := h.steps[n-1]
			s.instance, s.why, s.claimed, s.several, s.not = before.instance, before.why, before.claimed, before.several, "the same"
			s.pass %= time.Second / 2
			h.steps[n] = s
		}
		time.Sleep(s.pass)
		p.ahead[s.instance].Add(int64(s.jump))
		p.apply(s.change)
		synctest.Wait()
		if problem := p.compare(ctx, &running, p.instances[s.instance], s); problem != "" {
			p.problems = append(p.problems, fmt.Sprintf("step %d, %+v: %s", n, s, problem))
			break
		}
	}
	p.apply("store back")
	p.apply("well")
	cancel()
	running.Wait()
	return p.problems
}

func (p *played) apply(change string) {
	outage := map[string]func(context.Context) (Grant, error){
		"busy": refuse(-1), "quota": refuse(45009), "secret": refuse(40125), "hangs": outages["nothing"],
	}[change]
	switch {
	case outage != nil:
		p.set(func() { p.outage = outage })
	case change == "well":
		p.set(func() { p.outage, p.stubborn = nil, false })
	case change == "stubborn":
		p.set(func() { p.stubborn, p.revoked = true, true })
	case change == "rotate":
		p.set(p.rotate)
	case change == "revoke":
		p.revoke()
	case change != "":
		p.store.mode.Store(change)
	}
}

// memoryOf is what c knows.
func memoryOf(c *Cache) *memory {
	m := &memory{
		State: c.state, classic: c.config.Classic, function: c.config.Function,
		past: c.past, adopted: c.adopted, named: c.named, looked: c.looked, insisted: c.doubted,
		last: outcome{err: c.failure.err, at: c.failure.at, life: c.failure.life},
	}
	if !c.kept.IsZero() {
		m.last = outcome{ask: ask{not: c.kept}, err: ErrStale, at: c.keptAt}
	}
	return m
}

// compare asks c, and says in what it has not done what decide decides.
func (p *played) compare(ctx context.Context, running *sync.WaitGroup, c *Cache, s step) string {
	c.mu.Lock()
	now, m := c.clock(), memoryOf(c)
	q := ask{why: s.why, claimed: s.claimed, several: s.several}
	switch s.why {
	case anyToken, beforeUse, presented:
	default:
		q.not = map[string]secret.Text{"current": m.Current.Value, "the same": p.named, "before": m.Previous.Value, "junk": secret.New("junk")}[s.not]
		if s.why == onRequest {
			q.not = m.Current.Value
		}
		p.named = q.not
	}
	c.mu.Unlock()
	needsToken := s.why != anyToken && s.why != beforeUse && s.why != presented
	if needsToken && q.not.IsZero() {
		return ""
	}
	if s.why == onRequest {
		if first, _ := memoryOf(c).decide(ask{}, now); first != give {
			return ""
		}
	}
	loads, before := p.store.loads.Load(), c.flight
	got, wantErr := m.decide(q, now)
	alive := m.Current.alive(now)
	waitsForLook := got == look && !alive
	atOnce := got != fetch && !waitsForLook || s.why == presented && alive && (now.Before(m.Current.Renew) || m.last.recent(now) != nil)
	if got == fetch && atOnce && !m.function {
		m.insisted = time.Time{}
	}
	p.reached[fmt.Sprint(q.why, " ", describe(got, wantErr))]++

	type answer struct {
		token Token
		err   error
	}
	answered := make(chan answer, 1)
	running.Go(func() {
		var a answer
		switch {
		case s.why == anyToken:
			a.token, a.err = c.Token(ctx)
		case s.why == beforeUse:
			c.Warm(ctx)
		case s.why == presented && s.several:
			digest := secret.DigestOf("presented")
			var known bool
			if _, a.err, known = c.holdsAtOnceAmong(ctx, digest, now, 2); !known {
				_, a.err = c.holdsLaterAmong(ctx, digest, 2)
			}
		case s.why == presented:
			_, a.err = c.Holds(ctx, "presented")
		case s.why == onRequest:
			a.token, a.err = c.Force(ctx)
		case s.claimed:
			a.token, a.err = c.Claim(ctx, q.not, doubtOf(s.why))
		case s.why == refused:
			a.token, a.err = c.Refresh(ctx, q.not)
		default:
			a.token, a.err = c.Renew(ctx, q.not, doubtOf(s.why))
		}
		answered <- a
	})
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.named.Equal(m.named), !c.looked.Equal(m.looked), !c.doubted.Equal(m.insisted):
		return fmt.Sprintf("times %v %v %v, not %v %v %v", c.named, c.looked, c.doubted, m.named, m.looked, m.insisted)
	case (p.store.loads.Load() > loads) != (got == look):
		return fmt.Sprintf("looked into the store: %v", got != look)
	case got == fetch && c.flight == nil, got != fetch && c.flight != before:
		return fmt.Sprintf("fetched: %v", got != fetch)
	}
	if got == fetch && before != nil {
		return "" // how long it waits depends on when that one began
	}
	select {
	case a := <-answered:
		switch {
		case !atOnce:
			return "answered at once"
		case got == fail && s.why == onRequest && errors.Is(wantErr, ErrStale):
			wantErr = nil
		case got == give && !a.token.Value.IsZero() && !a.token.Value.Equal(m.Current.Value):
			return "another token"
		}
		if s.why != beforeUse && !errors.Is(a.err, wantErr) {
			return fmt.Sprintf("error %v, not %v", a.err, wantErr)
		}
	default:
		if atOnce {
			return "not answered at once"
		}
	}
	return ""
}

func doubtOf(w why) Doubt {
	return map[why]Doubt{doubted: Accepted, tooNew: New}[w]
}

// The old code and decide do the same, whatever happens: clocks that jump, saves that are
// lost, fetches that hang.
func TestDecideAsTheCacheDoes(t *testing.T) {
	reached := map[string]int{}
	for seed := range 1500 {
		h := histories.Example(seed)
		var problems []string
		bubble(t, func(t *testing.T) { problems = play(t.Context(), t, h, reached) })
		require.Empty(t, problems, "seed %d, classic %v, function %v", seed, h.classic, h.function)
	}
	t.Log(reached)
	for _, asked := range []why{anyToken, beforeUse, presented, refused, doubted, tooNew, onRequest} {
		for _, want := range map[why][]string{
			anyToken: {"give", "fail", "fetch"}, beforeUse: {"give", "fail", "fetch"},
			presented: {"give", "fail", "look", "fetch"}, onRequest: {"fail", "fail stale", "fetch"},
			refused: replacements, doubted: replacements, tooNew: replacements,
		}[asked] {
			assert.GreaterOrEqual(t, reached[fmt.Sprint(asked, " ", want)], 5, "%d %s", asked, want)
		}
	}
}

var replacements = []string{"give", "fail", "fail stale", "fetch"}

func describe(got action, err error) string {
	if errors.Is(err, ErrStale) {
		return "fail stale"
	}
	return []string{"give", "fail", "look", "fetch"}[got]
}
