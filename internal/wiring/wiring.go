// Package wiring assembles the functions from their environment variables: it reads
// the settings, refuses what cannot work, and puts together the parts that the
// other packages are.
//
// [Verify], [Token] and [Challenge] are one function each. What each of them can be
// told stands in one struct, its settings; docs/configuration.md explains it to who
// deploys.
package wiring

import (
	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/config"
	"sotercall/internal/dynamodb"
	"sotercall/internal/redis"
	"sotercall/internal/secret"
)

// store is what all instances share. The nil store is none.
type store struct {
	tokens   func(appID string) accesstoken.Store
	ledger   challenge.Ledger
	authKeys authkeys.Store
}

// storeSettings choose the store, of the settings of a function.
type storeSettings struct {
	redisURL      secret.Text
	dynamoDBTable string
}

// isSet reports whether there is a store.
func (s storeSettings) isSet() bool { return !s.redisURL.IsZero() || s.dynamoDBTable != "" }

// check refuses two stores.
func (s storeSettings) check(check *config.Check) {
	check.That(s.redisURL.IsZero() || s.dynamoDBTable == "", "REDIS_URL and DYNAMODB_TABLE", "name two stores: set one of them")
}

// openStore opens the store that is chosen; nil if none is. The environment has what
// the platform says of the way to it.
func openStore(s storeSettings, environment map[string]string, scrub *secret.Scrubber) (*store, error) {
	switch {
	case !s.redisURL.IsZero():
		server, err := redis.Open(s.redisURL)
		if err != nil {
			return nil, err
		}
		server.Scrub = scrub
		return &store{
			tokens:   func(appID string) accesstoken.Store { return accesstoken.NewRedis(server, appID) },
			ledger:   challenge.NewRedis(server),
			authKeys: authkeys.NewRedis(server),
		}, nil
	case s.dynamoDBTable != "":
		table, err := dynamodb.Open(s.dynamoDBTable, environment)
		if err != nil {
			return nil, err
		}
		table.Scrub = scrub
		return &store{
			tokens:   func(appID string) accesstoken.Store { return accesstoken.NewDynamoDB(table, appID) },
			ledger:   challenge.NewDynamoDB(table),
			authKeys: authkeys.NewDynamoDB(table),
		}, nil
	}
	return nil, nil
}

// tokensOf is where the tokens of an appid are kept: in this process if there is no
// store.
func (s *store) tokensOf(appID string) accesstoken.Store {
	if s == nil {
		return new(accesstoken.Memory)
	}
	return s.tokens(appID)
}
