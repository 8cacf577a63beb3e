// Package redisstore keeps what the instances of a service share on Redis: one server, a
// Cluster, or a master that Sentinels watch over. docs/stores.md says how to run it.
package redisstore

import (
	"sotercall"
	"sotercall/internal/store/redis"
	"sotercall/internal/wiring"
)

// New returns the [sotercall.Config.Store] at a URL, such as
// rediss://user:password@host:6379/0. docs/stores.md has all forms. Nothing is connected
// yet; [sotercall.Open] returns what is wrong with the URL.
func New(url string) *sotercall.Store {
	return wiring.Public.NewStore(redis.Opener(wiring.WallClock), url).(*sotercall.Store)
}

// FromEnv is an option of [sotercall.FromEnv]: the variable REDIS_URL names the store.
func FromEnv(env *sotercall.Env) { wiring.Public.AddStore(env, redis.Opener(wiring.WallClock)) }
