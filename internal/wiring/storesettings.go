package wiring

import (
	"errors"

	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// storeSettings choose the store, for each function that has one.
// docs/configuration.md explains each.
type storeSettings struct {
	RedisURL      secret.Text `env:"REDIS_URL"`
	DynamoDBTable string      `env:"DYNAMODB_TABLE"`
}

// isSet reports whether there is a store.
func (s storeSettings) isSet() bool { return !s.RedisURL.IsZero() || s.DynamoDBTable != "" }

// check refuses two stores.
func (s storeSettings) check(check *checker) {
	check.That(s.RedisURL.IsZero() || s.DynamoDBTable == "", "REDIS_URL and DYNAMODB_TABLE", "name two stores: set one of them")
}

// open opens the store that is chosen, with the opener of its variable; nil if none is.
func (o Openers) open(s storeSettings, environment map[string]string, redactor *redact.Redactor) (*store.Store, error) {
	variable, place := "REDIS_URL", s.RedisURL.Reveal()
	if place == "" {
		variable, place = "DYNAMODB_TABLE", s.DynamoDBTable
	}
	if place == "" {
		return nil, nil
	}
	for _, opener := range o {
		if opener.Variable == variable {
			return opener.Open(place, environment, redactor)
		}
	}
	return nil, errors.New(variable + " cannot be used: this program is built without that store")
}

// health is what [function.Function.Health] tells of a store; nil if there is none.
func health(s *store.Store) func() error {
	if s == nil {
		return nil
	}
	return s.Hopeless
}
