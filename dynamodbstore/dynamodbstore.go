// Package dynamodbstore is the shared store of a service's instances in a table of Amazon
// DynamoDB. docs/stores.md describes the table.
package dynamodbstore

import (
	"sotercall"
	"sotercall/internal/store"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/wiring"
)

// New returns the [sotercall.Config.Store] in a table of that name. AWS's SDK finds region
// and credentials, first in the environment of the process. New connects to nothing;
// [sotercall.Open] returns the errors.
func New(table string) *sotercall.Store {
	place := store.Place{Setting: "Store (dynamodbstore.New)", Address: table}
	return wiring.Public.NewStore(dynamodb.Opener(wiring.WallClock), place).(*sotercall.Store)
}

// FromEnv is an option of [sotercall.FromEnv]: the variable DYNAMODB_TABLE names the table.
func FromEnv(env *sotercall.Env) { wiring.Public.AddStore(env, dynamodb.Opener(wiring.WallClock)) }
