package accesstoken

import "sotercall/internal/redis"

// StoreOf is the Store in the fleet's Redis for an appid, or one in memory where
// there is no fleet (redis is nil).
func StoreOf(store *redis.Store, appID string) Store {
	if store == nil {
		return new(Memory)
	}
	return NewRedis(store, appID)
}
