package redis

import (
	"fmt"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// Opener opens the store at the address of REDIS_URL, or of a program's setting; now is the
// wall clock.
func Opener(now func() time.Time) store.Opener {
	return store.Opener{Variable: "REDIS_URL", Open: func(place store.Place, _ map[string]string, _ *redact.Redactor) (*store.Store, error) {
		server, err := Open(secret.New(place.Address))
		if err != nil {
			return nil, fmt.Errorf("%s is %w", place.Setting, err)
		}
		return &store.Store{
			Tokens:         func(appID string) accesstoken.Store { return NewTokens(server, appID, now) },
			Ledger:         NewLedger(server),
			AuthKeys:       NewAuthKeys(server),
			Close:          func() { _ = server.Close() },
			Connect:        server.Connect,
			Hopeless:       place.Hopeless(server.Hopeless),
			EvictionPolicy: server.EvictionPolicy,
		}, nil
	}}
}
