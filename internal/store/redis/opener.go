package redis

import (
	"fmt"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// Opener opens the store that REDIS_URL names; now is the clock on the wall.
func Opener(now func() time.Time) store.Opener {
	return store.Opener{Variable: "REDIS_URL", Open: func(address string, _ map[string]string, _ *redact.Redactor) (*store.Store, error) {
		server, err := Open(secret.New(address))
		if err != nil {
			return nil, fmt.Errorf("REDIS_URL is %w", err)
		}
		return &store.Store{
			Tokens:         func(appID string) accesstoken.Store { return NewTokens(server, appID, now) },
			Ledger:         NewLedger(server),
			AuthKeys:       NewAuthKeys(server),
			Close:          func() { _ = server.Close() },
			Connect:        server.Connect,
			Hopeless:       server.Hopeless,
			EvictionPolicy: server.EvictionPolicy,
		}, nil
	}}
}
