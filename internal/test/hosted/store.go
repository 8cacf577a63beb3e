package hosted

import (
	"maps"
	"testing"

	"sotercall/internal/store/dynamodb/dynalite"
	"sotercall/internal/store/redis/redistest"
)

// Store is a store that instances share, on a real server.
type Store struct {
	// Variables are a function's variables for it. Those that Lambda sets itself are for
	// the other platforms.
	Variables map[string]string
	// Fail makes it fail from now on; Work ends that.
	Fail, Work func()
}

// Stores start each kind of shared store, by its name, until the test ends.
var Stores = map[string]func(t testing.TB) Store{
	"Redis": func(t testing.TB) Store {
		server := redistest.Start(t)
		return Store{map[string]string{"REDIS_URL": server.URL.Reveal()}, server.Kill, server.Run}
	},
	"DynamoDB": func(t testing.TB) Store {
		table := dynalite.Start(t)
		fail := func() {
			table.Break(dynalite.Fault{Code: "ResourceNotFoundException", Message: "Requested resource not found"})
		}
		return Store{table.Environment(), fail, table.Mend}
	},
}

// lambdaSets are the variables of [Store.Variables] that Lambda sets itself.
var lambdaSets = []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

// forLambda returns variables without those that Lambda sets itself.
func forLambda(variables map[string]string) map[string]string {
	own := maps.Clone(variables)
	for _, name := range lambdaSets {
		delete(own, name)
	}
	return own
}
