package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json"

	"sotercall/internal/authkeys"
)

// AuthKeys is an [authkeys.Store] that all instances with the server share. Each
// verification reads the server. So a written or deleted AuthKey takes effect at once.
//
// Each user has one hash. openid, cpu_id and uid are escaped as in a query (net/url,
// QueryEscape), which changes none on known devices:
//
//	sotercall:authkeys:{<openid>}
//	    key <cpu_id> <uid>    the AuthKey as JSON, an entry of [authkeys.File]
//	    counter <cpu_id>      the highest counter enrolled, in 20 digits
//
// DEL removes a user, HDEL one device; they never expire. Give the server maxmemory-policy
// noeviction and persistence. Users whose AuthKeys it loses must enrol again, and old
// exports would be accepted then. A hash takes about 800 bytes for each device.
type AuthKeys struct{ store *Server }

var _ authkeys.Store = (*AuthKeys)(nil)

// NewAuthKeys returns AuthKeys in a store, which the caller must close.
func NewAuthKeys(store *Server) *AuthKeys { return &AuthKeys{store: store} }

// Find implements [authkeys.Store]. The errors are those of the server and the network, and
// of an entry in a foreign format.
func (r *AuthKeys) Find(ctx context.Context, id authkeys.ID) (authkeys.AuthKey, error) {
	reply, err := r.store.Do(ctx, "HGET", userKey(id), authkeys.KeyField(id))
	if err != nil {
		return authkeys.AuthKey{}, fmt.Errorf("finding an AuthKey: %w", err)
	}
	if reply == nil {
		return authkeys.AuthKey{}, authkeys.ErrNotEnrolled
	}
	content, ok := reply.(string)
	if !ok {
		return authkeys.AuthKey{}, fmt.Errorf("finding an AuthKey: the server answered a %T", reply)
	}
	return authkeys.UnmarshalEntry([]byte(content))
}

// put returns nil if the AuthKey is kept, else the highest counter. Counters are compared
// as texts of 20 digits: Lua's numbers are doubles, which are inexact from 2^53 on.
var put = NewIdempotentScript(1, `
if redis.call('HGET', KEYS[1], ARGV[3]) == ARGV[4] then
	return false
end
local highest = redis.call('HGET', KEYS[1], ARGV[1])
if highest and (#highest ~= 20 or string.find(highest, '%D') or highest >= ARGV[2]) then
	return highest
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return false
`)

// Put implements [authkeys.Store]. The errors are as with Find.
func (r *AuthKeys) Put(ctx context.Context, key authkeys.AuthKey) error {
	if err := key.Complete(); err != nil {
		return fmt.Errorf("the AuthKey %w", err)
	}
	content, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding an AuthKey: %w", err)
	}
	reply, err := r.store.Run(ctx, put, userKey(key.ID), authkeys.CounterField(key.ID), fmt.Sprintf("%020d", key.Counter), authkeys.KeyField(key.ID), content)
	if err != nil {
		return err
	}
	if reply == nil {
		return nil
	}
	highest, ok := reply.(string)
	if !ok {
		return fmt.Errorf("the server answered a %T", reply)
	}
	n, err := strconv.ParseUint(highest, 10, 64)
	if err != nil || len(highest) != 20 {
		return errors.New("the stored counter is not a counter")
	}
	return &authkeys.NotNewerError{Counter: key.Counter, Enrolled: n}
}

// userKey returns a key with a hash tag (Redis documentation, Redis cluster specification):
// the escaped openid has no brace.
func userKey(id authkeys.ID) string { return "sotercall:authkeys:{" + url.QueryEscape(id.OpenID) + "}" }
