// Package redisstore is the shared store of a service's instances on Redis: one server, a
// Cluster, or a master with Sentinels. docs/stores.md describes how to run it.
package redisstore

import (
	"sotercall"
	"sotercall/internal/store"
	"sotercall/internal/store/redis"
	"sotercall/internal/wiring"
)

// New returns the [sotercall.Config.Store] at a URL, such as
// rediss://user:password@host:6379/0. docs/stores.md has all forms. New connects to
// nothing; [sotercall.Open] returns the mistakes in the URL.
func New(url string) *sotercall.Store {
	place := store.Place{Setting: "Store (redisstore.New)", Address: url}
	return wiring.Public.NewStore(redis.Opener(wiring.WallClock), place).(*sotercall.Store)
}

// FromEnv is an option of [sotercall.FromEnv]: the variable REDIS_URL names the store.
func FromEnv(env *sotercall.Env) { wiring.Public.AddStore(env, redis.Opener(wiring.WallClock)) }
