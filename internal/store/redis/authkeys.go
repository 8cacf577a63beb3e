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

// AuthKeys is an [authkeys.Store] of all who share a server. It asks the server once for each
// verification, so that an AuthKey counts, or counts no longer, from the moment
// it is written or deleted there.
//
// Each user has one hash, with openid, cpu_id and uid escaped as in a query
// (net/url, QueryEscape), which leaves them as they are on all known devices:
//
//	sotercall:authkeys:{<openid>}
//	    key <cpu_id> <uid>    the AuthKey as JSON, an entry of [authkeys.File]
//	    counter <cpu_id>      the highest counter enrolled, in 20 digits
//
// DEL forgets a user, HDEL one device; they never expire. Give the server
// maxmemory-policy noeviction and persistence: users whose AuthKeys it loses have
// to enrol again, and old exports would be taken then. A hash takes about 800
// bytes for each device.
type AuthKeys struct{ store *Store }

var _ authkeys.Store = (*AuthKeys)(nil)

// NewAuthKeys makes AuthKeys of a store, which remains the caller's to close.
func NewAuthKeys(store *Store) *AuthKeys { return &AuthKeys{store: store} }

// Find implements [authkeys.Store]. The errors are those of the server and of the way to
// it, and what is wrong with an entry that is none of ours.
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

// put answers nil if the AuthKey is kept, else the highest counter. Counters are
// compared as texts of 20 digits: Lua's numbers are doubles, which are inexact
// from 2^53 on.
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

// userKey has a hash tag (Redis documentation, Redis cluster specification): the
// escaped openid has no brace.
func userKey(id authkeys.ID) string { return "sotercall:authkeys:{" + url.QueryEscape(id.OpenID) + "}" }
