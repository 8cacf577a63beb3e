package wiring

import (
	"log/slog"
	"slices"
	"time"

	"sotercall/internal/function"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// Observer observes what a function does beside its calls, for metrics. Its methods return
// at once, and may be called concurrently. They get no secret and no user.
type Observer interface {
	// Apps is called with the AppIDs of all apps, in their order, when the function is built.
	Apps(ids []string)
	// TokenFetched is called after each request to a token endpoint for an app's token. err
	// says why it returned none; nil if it did.
	TokenFetched(appID string, err error)
	// TokenHeld is called when this instance may hold another token of an app, with its
	// times; see [sotercall/internal/accesstoken.Observer].
	TokenHeld(appID string, fetched, expires time.Time)
	// StoreFailed is called when an operation on an item in the store fails; see
	// [sotercall/internal/store.Items].
	StoreFailed(item string)
	// FileDiffers is called when the file of a variable begins to differ from the loaded
	// one, or becomes unusable. It is called again when that ends.
	FileDiffers(variable string, differs bool)
}

// ObservedService returns the Builder of [Openers.Service] whose functions report to
// observer.
func (o Openers) ObservedService(observer Observer) function.Builder {
	return func(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
		w := newWorld(o.observed(observer.StoreFailed), log)
		w.observer = observer
		return w.service(environment, log, level)
	}
}

// observed returns Openers whose stores call failed with the item of each operation that
// fails.
func (o Openers) observed(failed func(item string)) Openers {
	all := slices.Clone(o)
	for i, opener := range o {
		all[i].Open = func(place store.Place, environment map[string]string, redactor *redact.Redactor) (*store.Store, error) {
			s, err := opener.Open(place, environment, redactor)
			return s.Observed(failed), err
		}
	}
	return all
}

// nobody is the Observer of a function without metrics.
type nobody struct{}

func (nobody) Apps([]string)                          {}
func (nobody) TokenFetched(string, error)             {}
func (nobody) TokenHeld(string, time.Time, time.Time) {}
func (nobody) StoreFailed(string)                     {}
func (nobody) FileDiffers(string, bool)               {}

// ofApp is the accesstoken.Observer of one app.
type ofApp struct {
	Observer
	appID string
}

func (o ofApp) Fetched(err error)                { o.TokenFetched(o.appID, err) }
func (o ofApp) Holds(fetched, expires time.Time) { o.TokenHeld(o.appID, fetched, expires) }
