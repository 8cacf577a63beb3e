package wiring

import (
	"cmp"
	"context"
	"errors"
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
	"sotercall/internal/openapi"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
	"sotercall/internal/upstream"
	"sotercall/internal/wechat"
	"sotercall/internal/wiring/filewatch"
)

// world is the state that a function keeps while its process lives, however often a changed
// secret rebuilds it. It has consumed challenges and counters, tokens, retry budgets,
// cached failures and connections. A rebuild makes anew what depends on a secret, and only
// that. One builder uses it at a time; calls use its parts concurrently.
type world struct {
	observer Observer // nobody{}, or that of metrics
	log      *slog.Logger
	redact   *redact.Redactor
	client   *wechat.API // connections
	memory   challenge.Memory
	hosts    map[string]*upstream.Hosts      // by their addresses
	apps     map[string]*app                 // by AppID
	file     atomic.Pointer[filewatch.Watch] // of the document of the apps; nil if it is in no file
	keysFile atomic.Pointer[keysFile]        // nil if AuthKeys are in no file

	// checks says that the warm-up reports a store that does not answer. A function needs
	// its errors less than the time of one more request.
	checks  bool
	openers Openers
	store   *store.Store   // nil: none
	opened  []*store.Store // all that there were, for close
	opens   storeSettings

	// platform judges without an app of ours: with the platform's token, without any, or by
	// Cloud Calls. keys is the Verifier of SOTER_VERIFIER=local, and keysIn its store. Each
	// is nil until it is needed.
	platform, keys openapi.Verifier
	keysIn         *store.Store
}

// WallClock reads the time without its monotonic part, which stands still while a function
// is frozen.
func WallClock() time.Time { return time.Now().Round(0) }

// newWorld returns the world of a deployed function, which lives as long as its process.
func newWorld(openers Openers, log *slog.Logger) *world { return newWorldFor(nil, openers, log) }

func newWorldFor(life *upstream.Life, openers Openers, log *slog.Logger) *world {
	w := &world{observer: nobody{}, openers: openers, log: log, redact: redact.New(), client: wechat.NewFor(life, WallClock), hosts: map[string]*upstream.Hosts{}, apps: map[string]*app{}}
	w.client.Redact = w.redact
	w.client.Trace = func(ctx context.Context) string { return adapter.InvocationFrom(ctx).TraceID }
	return w
}

// warnOfCleartext logs the hosts that secrets are sent to in the clear.
func (w *world) warnOfCleartext(hosts []string) {
	if len(hosts) > 0 {
		w.log.Warn("tokens and secrets travel in the clear to hosts of CLEARTEXT_HOSTS", "hosts", hosts)
	}
}

// at returns the hosts at addresses.
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

// closeAfter is the delay before a replaced store's connections are closed: by then no call
// uses it.
const closeAfter = time.Minute

// open returns the selected store; nil if there is none. A store with another address
// replaces the previous one.
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

// app has the parts of one app, which no other app shares.
type app struct {
	app      listedApp
	client   *wechat.API // its retry budget
	memory   *accesstoken.Memory
	tokens   *accesstoken.Cache
	in       *store.Store // the store of its tokens; nil: none
	verifier *wechat.Verifier
}

// tokenSource says where the tokens of all apps are fetched and shared.
type tokenSource struct {
	hosts    *upstream.Hosts
	function bool // the endpoint is a token function
	store    *store.Store
}

// caches returns a Cache for each app. Apps share connections and nothing else. Apps that
// are no longer in set are dropped.
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

// app returns before if it can be used for one unchanged, and else an app with the tokens
// of before. before may be nil.
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
	// the two modes have separate tokens
	inherits := before != nil && before.app.Classic == one.Classic
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

// verifiers returns a Verifier for each app of set, which calls hosts.
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

// warmer does in advance what the first call would wait for; nil: there is nothing. The
// error is that of a call.
type warmer func(ctx context.Context) error

// together runs all steps concurrently, and returns the first error in their order; nil
// steps are skipped.
func together(steps ...warmer) warmer {
	steps = slices.DeleteFunc(steps, func(step warmer) bool { return step == nil })
	if len(steps) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		var all sync.WaitGroup
		errs := make([]error, len(steps))
		for i, step := range steps {
			all.Go(func() { errs[i] = step(ctx) })
		}
		all.Wait()
		return cmp.Or(errs...)
	}
}

// connecting opens connections to hosts, each once.
func (w *world) connecting(all ...*upstream.Hosts) warmer {
	var steps []warmer
	for _, hosts := range slices.Compact(all) {
		steps = append(steps, func(ctx context.Context) error { return w.client.Connect(ctx, hosts) })
	}
	return together(steps...)
}

// connecting opens a connection to s. If s has no Connect, it reads the token of the first
// app, as a cold instance does. A role that may not read it still leaves a connection.
func connecting(s *store.Store, appIDs []string) warmer {
	if s == nil {
		return nil
	}
	connect := s.Connect
	if connect == nil {
		tokens := s.Tokens(strings.Join(appIDs[:min(1, len(appIDs))], ""))
		connect = func(ctx context.Context) error { _, err := tokens.Load(ctx); return err }
	}
	return func(ctx context.Context) error {
		switch err := connect(ctx); {
		case err == nil, errors.Is(err, store.ErrDenied):
			return nil
		case ctx.Err() != nil:
			return openapi.NewError(openapi.CodeTimeout, "the store did not answer in time", err)
		default:
			return openapi.NewError(openapi.CodeSystem, "the store could not be used", err)
		}
	}
}
