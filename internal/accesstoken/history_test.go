package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	why      Why
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
		why:      rapid.SampledFrom([]Why{anyToken, anyToken, beforeUse, presented, presented, Refused, Doubted, TooNew, OnRequest}).Draw(t, "why"),
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
	others    [2]*Cache       // of another app in the same process, which has a token
	named     secret.Text     // the token that was last to be replaced
	reached   map[string]int
	problems  []string
}

func play(ctx context.Context, t *testing.T, h history, reached map[string]int) []string {
	p := &played{wechat: newWechat(), store: &faulty{Memory: NewMemory(time.Now)}, reached: reached}
	p.classic = h.classic
	p.store.mode.Store("store back")
	for i := range p.instances {
		c := p.cache(p.store)
		c.config.Function, c.memory.function = h.function, h.function
		c.config.Now = func() time.Time { return time.Now().Add(time.Duration(p.ahead[i].Load())) }
		c.config.Strangers = &Strangers{now: time.Now, taken: make(chan struct{}, 1000)} // as many as they like
		p.instances[i] = c
		p.others[i] = NewCache(Config{
			Endpoint: endpoint(func(context.Context) (Grant, error) {
				return Grant{Value: secret.New("other"), ExpiresIn: 1000 * time.Hour}, nil
			}),
			Store: NewMemory(time.Now), Now: c.config.Now, Log: slog.New(slog.DiscardHandler),
		})
		p.others[i].Warm(ctx)
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
		if problem := p.ask(ctx, &running, s); problem != "" {
			p.problems = append(p.problems, fmt.Sprintf("step %d, %+v: %s", n, s, problem))
			break
		}
	}
	cancel()
	running.Wait()
	// When all is well again, failures are forgotten and budgets are back, calls succeed.
	p.apply("store back")
	p.apply("well")
	time.Sleep(25 * time.Hour)
	for i, c := range p.instances {
		var err error
		for range 3 { // a clock that was wrong may have left a token in the store that seems newer
			if err = p.call(t.Context(), c); err == nil {
				break
			}
		}
		if err != nil {
			p.problems = append(p.problems, fmt.Sprintf("instance %d at the end: %v", i, err))
		}
	}
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

// flightOf returns the fetch of c that is under way; nil for none.
func flightOf(c *Cache) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flight
}

// memoryOf is a copy of what c knows.
func memoryOf(c *Cache) *memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.memory
	return &m
}

// ask asks an instance, and says in what it has not done what decide decides.
func (p *played) ask(ctx context.Context, running *sync.WaitGroup, s step) string {
	c := p.instances[s.instance]
	now, m, before := c.config.Now(), memoryOf(c), flightOf(c)
	q := ask{why: s.why, claimed: s.claimed, several: s.several}
	if s.why >= Refused {
		q.not = map[string]secret.Text{"current": m.Current.Value, "the same": p.named, "before": m.Previous.Value, "junk": secret.New("junk")}[s.not]
		if s.why == OnRequest {
			q = ask{why: OnRequest, not: m.Current.Value}
		}
		if q.not.IsZero() || s.why == OnRequest && !m.knowsEnough(now) {
			return ""
		}
		p.named = q.not
	}
	loads := p.store.loads.Load()
	isAtOnce := s.why == presented && m.knowsEnough(now)
	got, wantErr := m.decide(q, now)
	if got == fetch && isAtOnce {
		m.insisted = time.Time{}
	}
	isAtOnce = isAtOnce || got == give || got == fail
	p.reached[fmt.Sprint(q.why, " ", describe(got, wantErr))]++

	answered := make(chan answer, 1)
	running.Go(func() { answered <- p.answerOf(ctx, s.instance, q) })
	synctest.Wait()
	after := memoryOf(c)
	switch {
	case !after.named.Equal(m.named), !after.looked.Equal(m.looked), !after.insisted.Equal(m.insisted):
		return fmt.Sprintf("times %v %v %v, not %v %v %v", after.named, after.looked, after.insisted, m.named, m.looked, m.insisted)
	case (p.store.loads.Load() > loads) != (got == look):
		return fmt.Sprintf("looked into the store: %v", got != look)
	case got == fetch && flightOf(c) == nil, got != fetch && flightOf(c) != before:
		return fmt.Sprintf("fetched: %v", got != fetch)
	case got == fetch && before != nil:
		return "" // how long it waits depends on when that one began
	}
	select {
	case a := <-answered:
		switch {
		case !isAtOnce:
			return "answered at once"
		case got == give && s.why != presented && !a.token.Value.Equal(m.Current.Value):
			return "another token"
		case s.why == OnRequest && errors.Is(wantErr, ErrStale):
			wantErr = nil // the current token is the answer
		case q.several && s.why == presented && errors.As(wantErr, new(*Refusal)):
			wantErr = nil // the other app answers
		}
		if !errors.Is(a.err, wantErr) {
			return fmt.Sprintf("error %v, not %v", a.err, wantErr)
		}
	default:
		if isAtOnce {
			return "not answered at once"
		}
	}
	return ""
}

type answer struct {
	token Token
	err   error
}

// answerOf asks an instance in the way that leads to q.
func (p *played) answerOf(ctx context.Context, instance int, q ask) (a answer) {
	c := p.instances[instance]
	switch {
	case q.why == presented:
		all := Apps{"wx": c}
		if q.several {
			all["wxOTHER"] = p.others[instance]
		}
		_, a.err = all.Owner(ctx, "presented")
	case q.claimed && q.why >= Refused:
		a.token, a.err = c.Claim(ctx, q.not, q.why)
	case q.why >= Refused:
		a.token, a.err = c.Replace(ctx, q.not, q.why)
	default:
		a.token, a.err = c.get(ctx, q)
	}
	if q.why != OnRequest && a.err == nil && q.why != presented && !q.claimed && a.token.Value.Equal(q.not) {
		p.set(func() { p.problems = append(p.problems, "the token that was to be replaced is given again") })
	}
	return a
}

// The cache does what decide decides, and recovers, whatever happens: clocks that jump, saves
// that are lost, a store or fetches that hang. The histories reach all that can be decided.
func TestTwoInstancesWhateverHappens(t *testing.T) {
	t.Parallel()
	reached := map[string]int{}
	for seed := range 1500 {
		h := histories.Example(seed)
		var problems []string
		bubble(t, func(t *testing.T) { problems = play(t.Context(), t, h, reached) })
		require.Empty(t, problems, "seed %d, classic %v, function %v", seed, h.classic, h.function)
	}
	for _, asked := range []Why{anyToken, beforeUse, presented, Refused, Doubted, TooNew, OnRequest} {
		for _, want := range map[Why][]string{
			anyToken: {"give", "fail", "fetch"}, beforeUse: {"give", "fail", "fetch"},
			presented: {"give", "fail", "look", "fetch"}, OnRequest: {"fail", "fail stale", "fetch"},
			Refused: replacements, Doubted: replacements, TooNew: replacements,
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
