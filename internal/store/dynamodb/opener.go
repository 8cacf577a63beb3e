package dynamodb

import (
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// Opener opens the store that DYNAMODB_TABLE names; now is the clock on the wall.
func Opener(now func() time.Time) store.Opener {
	return store.Opener{Variable: "DYNAMODB_TABLE", Open: func(name string, environment map[string]string, redactor *redact.Redactor) (*store.Store, error) {
		table, err := Open(name, environment)
		if err != nil {
			return nil, err
		}
		table.Redact = redactor
		return &store.Store{
			Tokens:   func(appID string) accesstoken.Store { return NewTokens(table, appID, now) },
			Ledger:   NewLedger(table),
			AuthKeys: NewAuthKeys(table),
			Close:    table.Close,
			Hopeless: table.Hopeless,
		}, nil
	}}
}
