// Package dynamodbstore keeps what the instances of a service share in a table of Amazon
// DynamoDB. docs/stores.md says how to make the table.
package dynamodbstore

import (
	"sotercall"
	"sotercall/internal/store/dynamodb"
	"sotercall/internal/wiring"
)

// New returns the [sotercall.Config.Store] in a table of that name. Region and credentials
// are found as AWS's SDK finds them, in the environment of the process first. Nothing is
// connected yet; [sotercall.Open] returns what is wrong.
func New(table string) *sotercall.Store {
	return wiring.Public.NewStore(dynamodb.Opener(wiring.WallClock), table).(*sotercall.Store)
}

// FromEnv is an option of [sotercall.FromEnv]: the variable DYNAMODB_TABLE names the table.
func FromEnv(env *sotercall.Env) { wiring.Public.AddStore(env, dynamodb.Opener(wiring.WallClock)) }
