// Package store is what all instances of a function share: access_tokens, consumed
// challenges and counters, and AuthKeys of one's own.
//
// A [Store] is one such place, such as a Redis server. Each kind is a package of its own,
// with an [Opener], and is linked only by who names it. What each must keep to say the
// contract tests beside the three interfaces (accesstoken/storetest, challenge/ledgertest,
// authkeys/storetest).
package store

import (
	"context"
	"errors"

	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/secret/redact"
)

// Store is what all instances share. It may be used concurrently.
type Store struct {
	Tokens   func(appID string) accesstoken.Store
	Ledger   challenge.Ledger
	AuthKeys authkeys.Store
	// Close ends the connections that are idle.
	Close func()
	// Connect opens a connection and finds out what Hopeless tells; nil: nothing does.
	Connect func(ctx context.Context)
	// Hopeless returns why nothing can work as the store is configured, once a server
	// has said so; nil: it is not found out.
	Hopeless func() error
	// EvictionPolicy returns what the server forgets when its memory is full; nil: there
	// is no such setting.
	EvictionPolicy func(ctx context.Context) (string, error)
}

// Opener makes Stores of one kind.
type Opener struct {
	// Variable names the place, as REDIS_URL does.
	Variable string
	// Open makes the Store at a place, which is the value of Variable. It connects when the
	// Store is used, not before. The environment has what the platform says of the way to
	// it; what the server says is quoted as redactor allows. The error names the variable,
	// and holds no secret.
	Open func(place string, environment map[string]string, redactor *redact.Redactor) (*Store, error)
}

// Missing is the Opener of a variable whose store is not linked. should says what to do.
func Missing(variable, should string) Opener {
	return Opener{Variable: variable, Open: func(string, map[string]string, *redact.Redactor) (*Store, error) {
		return nil, errors.New(variable + " " + should)
	}}
}
