package wiring

import (
	"log/slog"
	"slices"
	"time"

	"sotercall/internal/function"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// Observer is told what a function does beside its calls, for metrics. Its methods return at
// once, and may be called concurrently. They are told no secret and no user.
type Observer interface {
	// Apps is called with the AppIDs of all apps, in their order, when the function is built.
	Apps(ids []string)
	// TokenFetched is called when a token endpoint has been asked for an app's token. err
	// says why it gave none; nil if it did.
	TokenFetched(appID string, err error)
	// TokenHeld is called when this instance may hold another token of an app, with its
	// times; see [sotercall/internal/accesstoken.Observer].
	TokenHeld(appID string, fetched, expires time.Time)
	// StoreFailed is called when the store could not do what was asked of it about an item;
	// see [sotercall/internal/store.Items].
	StoreFailed(item string)
	// FileDiffers is called when the file that a variable names begins to be another than the
	// one that was loaded, or of no use, and when that ends.
	FileDiffers(variable string, differs bool)
}

// ObservedService returns the Builder of [Openers.Service] whose functions tell observer what
// they do.
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
		all[i].Open = func(place string, environment map[string]string, redactor *redact.Redactor) (*store.Store, error) {
			s, err := opener.Open(place, environment, redactor)
			return s.Observed(failed), err
		}
	}
	return all
}

// nobody is the Observer of a function that has no metrics.
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
