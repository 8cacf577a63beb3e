package wiring

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/adapter"
	"sotercall/internal/challenge"
	"sotercall/internal/filewatch"
	"sotercall/internal/openapi"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
	"sotercall/internal/upstream"
	"sotercall/internal/wechat"
)

// world is what a function keeps while its process lives, however often it is built
// anew because a secret has changed: consumed challenges and counters, tokens, retry
// budgets, remembered failures and connections. Each time, what depends on a secret is
// made anew, and only that. It is used by one builder at a time; what it has made is
// used by calls meanwhile.
type world struct {
	observer Observer // nobody, or that of metrics
	log      *slog.Logger
	redact   *redact.Redactor
	client   *wechat.Client // connections
	memory   challenge.Memory
	hosts    map[string]*upstream.Hosts      // by their addresses
	apps     map[string]*app                 // by AppID
	file     atomic.Pointer[filewatch.Watch] // of the document of the apps; nil if it is in no file
	keysFile atomic.Pointer[keysFile]        // nil if AuthKeys are in no file

	openers Openers
	store   *store.Store   // nil: none
	opened  []*store.Store // all that there were, for close
	opens   storeSettings

	// platform asks without an app of ours: with the platform's token, without any, or by
	// Cloud Calls. keys is the Verifier of SOTER_VERIFIER=local, and keysIn its store.
	// Each is nil until it is needed.
	platform, keys openapi.Verifier
	keysIn         *store.Store
}

// WallClock reads the time without its monotonic part, which stands still while a function is
// frozen.
func WallClock() time.Time { return time.Now().Round(0) }

// newWorld makes the world of a deployed function, which lives as long as its process.
func newWorld(openers Openers, log *slog.Logger) *world { return newWorldFor(nil, openers, log) }

func newWorldFor(life *upstream.Life, openers Openers, log *slog.Logger) *world {
	w := &world{observer: nobody{}, openers: openers, log: log, redact: redact.New(), client: wechat.NewFor(life, WallClock), hosts: map[string]*upstream.Hosts{}, apps: map[string]*app{}}
	w.client.Redact = w.redact
	w.client.Trace = func(ctx context.Context) string { return adapter.InvocationFrom(ctx).TraceID }
	return w
}

// warnOfCleartext logs to which hosts secrets travel in the clear.
func (w *world) warnOfCleartext(hosts []string) {
	if len(hosts) > 0 {
		w.log.Warn("tokens and secrets travel in the clear to hosts of CLEARTEXT_HOSTS", "hosts", hosts)
	}
}

// at are the hosts at addresses.
func (w *world) at(bases []*url.URL) *upstream.Hosts {
	var name strings.Builder
	for _, base := range bases {
		name.WriteString(base.String() + " ")
	}
	if w.hosts[name.String()] == nil {
		w.hosts[name.String()] = w.client.Hosts(bases...)
	}
	return w.hosts[name.String()]
}

// closeAfter is how long after a store was replaced its connections are closed: by then
// no call uses it.
const closeAfter = time.Minute

// open returns the store that is chosen; nil if none is. One with another address takes
// the place of the one before.
func (w *world) open(s storeSettings, environment map[string]string) (*store.Store, error) {
	if before, now := w.opens.chosen(), s.chosen(); before.variable == now.variable && before.place.Reveal() == now.place.Reveal() {
		return w.store, nil
	}
	opened, err := w.openers.open(s, environment, w.redact)
	if err != nil {
		return nil, err
	}
	if w.store != nil {
		time.AfterFunc(closeAfter, w.store.Close)
	}
	w.store, w.opens, w.opened = opened, s, append(w.opened, opened)
	return opened, nil
}

// close closes the stores. No call is under way.
func (w *world) close() {
	for _, opened := range w.opened {
		if opened != nil {
			opened.Close()
		}
	}
}

// app is what belongs to one app, and to no other.
type app struct {
	app      listedApp
	client   *wechat.Client // its retry budget
	memory   *accesstoken.Memory
	tokens   *accesstoken.Cache
	in       *store.Store // where tokens are shared; nil: nowhere
	verifier *wechat.Verifier
}

// tokenSource says where the tokens of all apps are fetched and shared.
type tokenSource struct {
	hosts    *upstream.Hosts
	function bool // a token function is asked
	store    *store.Store
}

// caches returns a Cache for each app. Apps share connections and nothing else. Those
// that are not in set any more are forgotten.
func (w *world) caches(set appSet, from tokenSource) accesstoken.Apps {
	all, kept := accesstoken.Apps{}, map[string]*app{}
	for _, one := range set.Apps {
		kept[one.ID] = w.app(w.apps[one.ID], one, from)
		all[one.ID] = kept[one.ID].tokens
	}
	w.apps = kept
	w.observer.Apps(set.IDs())
	return all
}

// app returns before if it can be used for one as it is, and else an app that knows
// what before knows. before may be nil.
func (w *world) app(before *app, one listedApp, from tokenSource) *app {
	if before != nil && before.app.Secret.Equal(one.Secret) && before.app.Classic == one.Classic && before.in == from.store {
		return before
	}
	next := &app{app: one, in: from.store}
	if before != nil {
		next.client = before.client
	} else {
		next.client = w.client.ForApp()
	}
	inherits := before != nil && before.app.Classic == one.Classic // the two modes have tokens of their own
	if inherits {
		next.memory = before.memory
	} else {
		next.memory = accesstoken.NewMemory(WallClock)
	}
	var shared accesstoken.Store = next.memory
	if from.store != nil {
		shared = from.store.Tokens(one.ID)
	}
	next.tokens = next.client.Tokens(wechat.TokenConfig{
		Base:        from.hosts,
		Credentials: wechat.Credentials{AppID: one.ID, AppSecret: one.Secret},
		Classic:     one.Classic,
		Function:    from.function,
		Store:       shared,
		Log:         w.log.With("appid", one.ID),
	})
	if inherits {
		next.tokens.Inherit(before.tokens, before.app.Secret.Equal(one.Secret))
	}
	next.tokens.Observe(ofApp{w.observer, one.ID})
	return next
}

// verifiers returns a Verifier for each app of set, which asks at hosts.
func (w *world) verifiers(set appSet, hosts *upstream.Hosts) byApp {
	all := byApp{}
	for _, appID := range set.IDs() {
		app := w.apps[appID]
		if app.verifier == nil {
			app.verifier = app.client.Verifier(hosts, app.tokens)
		}
		all[appID] = app.verifier
	}
	return all
}

// warmer does early what the first call would wait for; nil: there is nothing.
type warmer func(ctx context.Context)

// together does all steps at the same time, but for those that are nil.
func together(steps ...warmer) warmer {
	steps = slices.DeleteFunc(steps, func(step warmer) bool { return step == nil })
	if len(steps) == 0 {
		return nil
	}
	return func(ctx context.Context) {
		var all sync.WaitGroup
		for _, step := range steps {
			all.Go(func() { step(ctx) })
		}
		all.Wait()
	}
}

// connecting opens connections to hosts, each once.
func (w *world) connecting(all ...*upstream.Hosts) warmer {
	var steps []warmer
	for _, hosts := range slices.Compact(all) {
		steps = append(steps, func(ctx context.Context) { w.client.Connect(ctx, hosts) })
	}
	return together(steps...)
}

// connecting opens a connection to s. Where s has no way of its own, that is the request
// with which a cold instance looks for the token of the first app; a role that may not
// read it still leaves a connection.
func connecting(s *store.Store, appIDs []string) warmer {
	switch {
	case s == nil:
		return nil
	case s.Connect != nil:
		return s.Connect
	}
	tokens := s.Tokens(strings.Join(appIDs[:min(1, len(appIDs))], ""))
	return func(ctx context.Context) { _, _ = tokens.Load(ctx) }
}
