package accesstoken

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sotercall/internal/openapi"
	"sotercall/internal/secret"
)

const (
	// lookTimeout bounds a look into the store.
	lookTimeout = 2 * time.Second
	// insist is for how long unknown tokens must be presented until WeChat is asked for a
	// new one.
	insist = 30 * time.Second
	// atOnce bounds the apps that are handled at a time.
	atOnce = 16
)

// errNotYet says that this instance has no token yet, and so cannot recognise valid ones.
var errNotYet = openapi.NewError(openapi.CodeTimeout, "this instance has no access_token yet, try again", nil)

// Apps are the Caches of several apps, by AppID. They do not share tokens, fetches or
// failures.
type Apps map[string]*Cache

var _ openapi.Tokens = Apps(nil)

// Owner implements [openapi.Tokens]: it returns the app that WeChat would accept
// accessToken for.
//
// Unknown callers may present tokens, so an unknown token must be cheap. Owner returns at
// once what this instance knows. At most every few seconds it starts a lookup in the
// background. Later calls then know a token that another instance has fetched.
//
// If a fetch is due anyway, Owner waits for it, for a second at most. A fetch is due if an
// app has no token yet, or if the current one is about to expire. With several apps in
// classic mode it reads the store instead. A fetch would retire the token of an app that
// the presented one may not belong to.
//
// An app without tokens, because WeChat refuses them, is skipped. Any other error says that
// the owner is unknown.
func (a Apps) Owner(ctx context.Context, accessToken string) (string, error) {
	s := &search{
		presented: secret.DigestOf(accessToken), // hashed once, for all apps
		ask:       ask{why: presented, several: len(a) > 1},
	}
	for appID, cache := range a {
		if cache.ownsNow(s.presented) {
			return appID, nil
		}
	}
	ctx, s.stop = context.WithTimeoutCause(ctx, patience, errNotYet)
	defer s.stop()
	// Apps whose fetches have failed come last: strangers can cause only a few.
	var well, failing []string
	// one for all: reading the clock a thousand times would take longer than the rest
	var now time.Time
	for appID, cache := range a {
		if now.IsZero() {
			now = cache.config.Now()
		}
		switch v := cache.judge(ctx, s, now); {
		case v.isFinal:
			s.note(appID, v.isOwner, v.err)
		case v.hasFailed:
			failing = append(failing, appID)
		default:
			well = append(well, appID)
		}
	}
	a.find(ctx, s, well)
	a.find(ctx, s, failing)
	return s.result(len(a))
}

// search is the search for the owner of a token.
type search struct {
	presented secret.Digest
	ask       ask
	stop      context.CancelFunc // ends the search when the owner is known

	mu       sync.Mutex
	owner    string // guarded by mu, as all that follows; empty if not known
	refused  error  // why an app has no token, in WeChat's words
	refusals int
	unknown  error // why an app's answer is not known
}

// note records an app's answer.
func (s *search) note(appID string, isOwner bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, isRefusal := errors.AsType[*Refusal](err); {
	case isOwner:
		s.owner = appID
		s.stop()
	case isRefusal:
		s.refused = err
		s.refusals++
	case err != nil:
		s.unknown = err
	}
}

// result returns the owner among that number of apps.
func (s *search) result(apps int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.owner != "":
		return s.owner, nil
	case s.unknown != nil:
		return "", s.unknown
	case s.refusals == apps:
		return "", s.refused
	}
	return "", nil
}

// find waits for the fetches and store lookups of the apps.
func (a Apps) find(ctx context.Context, s *search, appIDs []string) {
	var all errgroup.Group
	all.SetLimit(atOnce)
	for _, appID := range appIDs {
		all.Go(func() error {
			isOwner, err := a[appID].judgeLater(ctx, s)
			s.note(appID, isOwner, err)
			return nil
		})
	}
	_ = all.Wait() // none fails
}

// ownsNow reports whether a token is known to be valid.
func (c *Cache) ownsNow(presented secret.Digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.memory.Current.Value.HasDigest(presented) && !c.memory.Previous.Value.HasDigest(presented) {
		return false // without reading the clock
	}
	now := c.config.Now()
	return c.memory.Current.alive(now) && c.memory.owns(presented, now)
}

// verdict is an app's immediate knowledge of a presented token.
type verdict struct {
	isFinal   bool // else there is something to wait for
	isOwner   bool
	err       error
	hasFailed bool // the last fetch
}

// judge returns what is known of a presented token at the time now, and starts background
// work that may find out more.
func (c *Cache) judge(ctx context.Context, s *search, now time.Time) verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := &c.memory
	if m.Current.alive(now) && m.owns(s.presented, now) {
		return verdict{isFinal: true, isOwner: true}
	}
	isAtOnce := m.knowsEnough(now)
	switch decision, err := m.decide(s.ask, now); {
	case decision == give, decision == fail:
		return verdict{isFinal: true, err: err}
	case !isAtOnce:
		return verdict{hasFailed: m.last.hasFailed()}
	case decision == fetch && (m.function || c.config.Strangers.spend()):
		m.insisted = time.Time{}
		c.join(ctx, now, s.ask)
	default:
		c.lookInStore(ctx)
	}
	return verdict{isFinal: true}
}

// judgeLater is judge if a fetch is due, or under way.
func (c *Cache) judgeLater(ctx context.Context, s *search) (isOwner bool, err error) {
	c.mu.Lock()
	mayOnlyLook := c.memory.mayOnlyLook(s.ask, c.config.Now())
	c.mu.Unlock()
	if mayOnlyLook {
		if err := c.load(ctx); err != nil {
			return false, err
		}
	} else {
		err = c.fetchForStranger(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.config.Now()
	if err != nil && !c.memory.Current.alive(now) {
		return false, err
	}
	return c.memory.owns(s.presented, now), nil
}

// fetchForStranger waits for the fetch under way, or for one of its own if there is none
// and strangers may cause one.
func (c *Cache) fetchForStranger(ctx context.Context) error {
	c.mu.Lock()
	now := c.config.Now()
	f := c.underWay(now)
	c.mu.Unlock()
	began := now
	if f != nil {
		began = f.began
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience-now.Sub(began), errNotYet)
	defer cancel()
	if f == nil {
		var err error
		if f, err = c.joinForStranger(ctx); f == nil {
			return err
		}
	}
	_, err := f.wait(ctx)
	return err
}

// joinForStranger begins a fetch, if strangers may cause one and it is still needed.
// Without one, the error says why there is no token.
func (c *Cache) joinForStranger(ctx context.Context) (*flight, error) {
	if !c.config.Strangers.begin(ctx) {
		c.mu.Lock()
		defer c.mu.Unlock()
		// Another instance may have a token.
		if now := c.config.Now(); !within(now, c.memory.looked, recheck) {
			c.memory.looked = now
			c.lookInStore(ctx)
		}
		return nil, errNotYet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.config.Now()
	if failure := c.memory.last.recent(now); failure != nil || c.memory.knowsEnough(now) {
		c.config.Strangers.end(false) // another call has fetched meanwhile
		return nil, failure
	}
	f := c.join(ctx, now, ask{why: presented})
	c.config.Life.Beside(ctx, joinTimeout, func(context.Context) {
		<-f.done
		c.config.Strangers.end(f.err != nil)
	})
	return f, nil
}

// lookInStore starts to update this instance from the store.
func (c *Cache) lookInStore(ctx context.Context) {
	c.config.Life.Beside(ctx, lookTimeout, func(ctx context.Context) {
		_ = c.load(ctx) // it has logged what is wrong
	})
}

// load updates this instance from the store.
func (c *Cache) load(ctx context.Context) error {
	state, err := c.config.Store.Load(ctx)
	if err != nil {
		c.storeDown(err)
		return errNotYet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.memory.learn(state, secret.Text{}, c.config.Now())
	c.holds()
	return nil
}
