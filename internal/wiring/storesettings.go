package wiring

import (
	"context"
	"fmt"

	"sotercall/internal/accesstoken"
	"sotercall/internal/authkeys"
	"sotercall/internal/challenge"
	"sotercall/internal/secret"
	"sotercall/internal/secret/redact"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/store/redis"
)

// store is what all instances share. The nil store is none.
type store struct {
	tokens   func(appID string) accesstoken.Store
	ledger   challenge.Ledger
	authKeys authkeys.Store
	// close ends the connections.
	close func()
	// connect opens a connection and finds out what hopeless tells; nil: nothing does.
	connect func(ctx context.Context)
	// hopeless returns why nothing can work as the store is configured, once a server
	// has said so; nil: it is not found out.
	hopeless func() error
	// evictionPolicy returns what the server forgets when its memory is full; nil: there
	// is no such setting.
	evictionPolicy func(ctx context.Context) (string, error)
}

// health is what [function.Function.Health] tells of the store.
func (s *store) health() func() error {
	if s == nil {
		return nil
	}
	return s.hopeless
}

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

// openStore opens the store that is chosen; nil if none is. The environment has what
// the platform says of the way to it.
func openStore(s storeSettings, environment map[string]string, redactor *redact.Redactor) (*store, error) {
	switch {
	case !s.RedisURL.IsZero():
		server, err := redis.Open(s.RedisURL)
		if err != nil {
			return nil, fmt.Errorf("REDIS_URL is %w", err)
		}
		return &store{
			tokens:   func(appID string) accesstoken.Store { return accesstoken.NewRedis(server, appID, wallClock) },
			ledger:   challenge.NewRedis(server),
			authKeys: authkeys.NewRedis(server),
			close:    func() { _ = server.Close() },
			connect:  server.Connect,
			hopeless: server.Hopeless,

			evictionPolicy: server.EvictionPolicy,
		}, nil
	case s.DynamoDBTable != "":
		table, err := dynamodb.Open(s.DynamoDBTable, environment)
		if err != nil {
			return nil, err
		}
		table.Redact = redactor
		return &store{
			tokens:   func(appID string) accesstoken.Store { return accesstoken.NewDynamoDB(table, appID, wallClock) },
			ledger:   challenge.NewDynamoDB(table),
			authKeys: authkeys.NewDynamoDB(table),
			close:    table.Close,
			hopeless: table.Hopeless,
		}, nil
	}
	return nil, nil
}
