// Package store has the data that all instances of a function share: access_tokens,
// consumed challenges and counters, and AuthKeys of one's own.
//
// A [Store] is one server for them, such as Redis. Each kind is a package of its own, with
// an [Opener], and is linked only into programs that name it. The contract tests beside the
// three interfaces define its behaviour (accesstoken/storetest, challenge/ledgertest,
// authkeys/storetest).
package store

import (
	"context"
	"errors"
	"fmt"

	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/secret/redact"
)

// ErrDenied says that the server denies access to an item. Others may be accessible.
var ErrDenied = errors.New("access denied")

// Store is a shared store. It is safe for concurrent use.
type Store struct {
	Tokens   func(appID string) accesstoken.Store
	Ledger   challenge.Ledger
	AuthKeys authkeys.Store
	// Close closes the idle connections.
	Close func()
	// Connect opens a connection and triggers what Hopeless returns; nil: the store has no
	// such check. A server that denies the keys that Connect reads has answered: that is no
	// error.
	Connect func(ctx context.Context) error
	// Hopeless returns why this configuration can never work, once a server has said so;
	// nil: the store has no such check.
	Hopeless func() error
	// EvictionPolicy returns the server's policy for a full memory; nil: there is no such
	// setting.
	EvictionPolicy func(ctx context.Context) (string, error)
}

// Place is where a store is.
type Place struct {
	// Setting is what the operator has set, for messages: a variable such as REDIS_URL, or
	// a field of a program's configuration.
	Setting string
	// Address is its value. It may hold a password.
	Address string
}

// Opener opens Stores of one kind.
type Opener struct {
	// Variable is the variable with the store's address, such as REDIS_URL.
	Variable string
	// Open makes the Store at place. It connects on first use. environment has the
	// platform's variables for the connection, and redactor masks the server's texts. Its
	// error, and that of Hopeless, name the setting and hold no secret.
	Open func(place Place, environment map[string]string, redactor *redact.Redactor) (*Store, error)
}

// Hopeless returns a [Store.Hopeless] that names the setting in front of what reason
// returns.
func (p Place) Hopeless(reason func() error) func() error {
	return func() error {
		if err := reason(); err != nil {
			return fmt.Errorf("%s: %w", p.Setting, err)
		}
		return nil
	}
}

// Missing returns the Opener of a variable whose store is not linked. should says what to do.
func Missing(variable, should string) Opener {
	return Opener{Variable: variable, Open: func(Place, map[string]string, *redact.Redactor) (*Store, error) {
		return nil, errors.New(variable + " " + should)
	}}
}
