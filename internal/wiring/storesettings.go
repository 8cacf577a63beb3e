package wiring

import (
	"cmp"
	"errors"
	"reflect"
	"slices"

	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store"
)

// storeSettings select the store, for each function that has one. docs/configuration.md
// explains each.
type storeSettings struct {
	RedisURL      secret.Text `env:"REDIS_URL"`
	DynamoDBTable string      `env:"DYNAMODB_TABLE"`

	given namedStore // by a program, which sets no variables
}

// namedStore is the variable of a kind of store, and its value.
type namedStore struct {
	variable string
	place    secret.Text
	// setting is what a program sets in place of the variable; empty: the variable is set.
	setting string
}

// name returns what messages call the store's address.
func (n namedStore) name() string { return cmp.Or(n.setting, n.variable) }

// named are the stores that there are. Only one may be set.
func (s storeSettings) named() []namedStore {
	all := []namedStore{s.given, {variable: "REDIS_URL", place: s.RedisURL}, {variable: "DYNAMODB_TABLE", place: secret.New(s.DynamoDBTable)}}
	return slices.DeleteFunc(all, func(n namedStore) bool { return n.place.IsZero() })
}

// chosen returns the store; the zero namedStore if there is none.
func (s storeSettings) chosen() namedStore {
	if all := s.named(); len(all) > 0 {
		return all[0]
	}
	return namedStore{}
}

// secrets returns the addresses whose variables are marked as secret.
func (s storeSettings) secrets() (all []secret.Text) {
	for _, variable := range described(reflect.TypeFor[storeSettings]()) {
		for _, n := range s.named() {
			if variable.Secret && n.variable == variable.Name {
				all = append(all, n.place)
			}
		}
	}
	return all
}

// isSet reports whether there is a store.
func (s storeSettings) isSet() bool { return len(s.named()) > 0 }

// check refuses two stores.
func (s storeSettings) check(check *checker) {
	for _, other := range s.named() {
		if first := s.chosen(); other.variable != first.variable {
			check.That(false, first.variable+" and "+other.variable, "name two stores: set one of them")
		}
	}
}

// open opens the selected store with the opener of its variable; nil if none is selected.
func (o Openers) open(s storeSettings, environment map[string]string, redactor *redact.Redactor) (*store.Store, error) {
	chosen := s.chosen()
	if chosen.place.IsZero() {
		return nil, nil
	}
	for _, opener := range o {
		if opener.Variable == chosen.variable {
			return opener.Open(store.Place{Setting: chosen.name(), Address: chosen.place.Reveal()}, environment, redactor)
		}
	}
	return nil, errors.New(chosen.variable + " cannot be used: this program is built without that store")
}

// health returns [function.Function.Health] for a store; nil if there is none.
func health(s *store.Store) func() error {
	if s == nil {
		return nil
	}
	return s.Hopeless
}
