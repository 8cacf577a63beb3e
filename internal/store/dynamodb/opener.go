package dynamodb

import (
	"fmt"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// Opener opens the table that DYNAMODB_TABLE or a program's setting names; now is the wall clock.
func Opener(now func() time.Time) store.Opener {
	return store.Opener{Variable: "DYNAMODB_TABLE", Open: func(place store.Place, environment map[string]string, redactor *redact.Redactor) (*store.Store, error) {
		if err := checkName(place.Address); err != nil {
			return nil, fmt.Errorf("%s %w", place.Setting, err)
		}
		table, err := Open(place.Address, environment)
		if err != nil {
			return nil, err
		}
		table.Redact = redactor
		return &store.Store{
			Tokens:   func(appID string) accesstoken.Store { return NewTokens(table, appID, now) },
			Ledger:   NewLedger(table),
			AuthKeys: NewAuthKeys(table),
			Close:    table.Close,
			Hopeless: place.Hopeless(table.Hopeless),
		}, nil
	}}
}
