package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"sotercall/internal/accesstoken"
)

// Tokens is an [accesstoken.Store] on a Redis server, for all instances with that server.
// Make it with [NewTokens].
//
// The access_token stands there in the clear. Reading the server is enough to call WeChat
// with it, so guard it like the AppSecret.
//
// It recovers from any state of the data. Content in a foreign format counts as none. The
// numbers of Leases follow the time, so they keep growing if the server has lost its data
// or got old data back.
type Tokens struct {
	now   func() time.Time
	store *Server
	// state is a hash. Its fields:
	//
	//   - state: JSON
	//   - saved: number of the Lease that saved it
	//   - renew: that number, and when the token is due, in Unix ms
	//   - issued: number of the last Lease given
	//
	// lease is the number of the Lease in force and a nonce; it expires with the Lease.
	// Instances of an earlier version write no nonce and no renew. The braces keep both in
	// one slot of a Redis Cluster (Redis documentation, "hash tags").
	state, lease string
}

var _ accesstoken.Store = (*Tokens)(nil)

// NewTokens returns the Tokens for the State of one appid in store; now is the wall clock.
func NewTokens(store *Server, appid string, now func() time.Time) *Tokens {
	return &Tokens{
		now:   now,
		store: store,
		state: "sotercall:token:{" + appid + "}",
		lease: "sotercall:token:{" + appid + "}:lease",
	}
}

// loadScript takes the state's key.
var loadScript = NewIdempotentScript(1, `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  return false
end
return redis.call('HGET', KEYS[1], 'state')
`)

// Load implements [accesstoken.Store].
func (r *Tokens) Load(ctx context.Context) (accesstoken.State, error) {
	reply, err := r.store.Run(ctx, loadScript, r.state)
	if err != nil {
		return accesstoken.State{}, fmt.Errorf("load the token: %w", err)
	}
	content, _ := reply.(string)
	return accesstoken.UnmarshalState([]byte(content)), nil
}

// prepare begins the scripts that write a state. Lua counts in floating point: beyond 2^52
// the next number might equal the last one.
const prepare = `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  redis.call('DEL', KEYS[1])
end
local function number(field)
  local n = tonumber(redis.call('HGET', KEYS[1], field) or '')
  if n and n >= 0 and n < 2^52 then
    return math.floor(n)
  end
  return 0
end
`

// acquireScript takes the keys of state and lease, the time, the lease's life and the
// state's in ms, a nonce, and 1 for cold. It returns the state, and the number
// of the lease: 0 if it is taken, -1 if the token is fresh. A lease without an expiry is
// not ours. A lease with this nonce was given to this very request, whose first reply was
// lost.
var acquireScript = NewIdempotentScript(2, prepare+`
local state = redis.call('HGET', KEYS[1], 'state')
if redis.call('PTTL', KEYS[2]) > 0 then
  local held = redis.pcall('GET', KEYS[2])
  local holder, nonce = string.match(type(held) == 'string' and held or '', '^(%d+) (%w+)$')
  return {nonce == ARGV[4] and tonumber(holder) or 0, state}
end
if ARGV[5] == '1' and state then
  local saved, renew = string.match(redis.call('HGET', KEYS[1], 'renew') or '', '^(%d+) (%d+)$')
  if saved and saved == redis.call('HGET', KEYS[1], 'saved') and tonumber(renew) > tonumber(ARGV[1]) then
    return {-1, state}
  end
end
local next = math.max(number('issued') + 1, number('saved') + 1, tonumber(ARGV[1]))
local text = string.format('%.0f', next)
redis.call('HSET', KEYS[1], 'issued', text)
if redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('SET', KEYS[2], text..' '..ARGV[4], 'PX', ARGV[2])
return {next, state}
`)

// Acquire implements [accesstoken.Store].
func (r *Tokens) Acquire(ctx context.Context, life time.Duration, cold bool) (accesstoken.State, accesstoken.Lease, error) {
	unlessFresh := 0
	if cold {
		unlessFresh = 1
	}
	reply, err := r.store.Run(ctx, acquireScript, r.state, r.lease,
		r.now().UnixMilli(), max(1, life.Milliseconds()), accesstoken.Keep.Milliseconds(), rand.Text(), unlessFresh)
	if err != nil {
		return accesstoken.State{}, accesstoken.Lease{}, fmt.Errorf("lease the token: %w", err)
	}
	answer, _ := reply.([]any)
	if len(answer) != 2 {
		return accesstoken.State{}, accesstoken.Lease{}, errors.New("lease the token: the reply is not a number and a state")
	}
	content, _ := answer[1].(string)
	state := accesstoken.UnmarshalState([]byte(content))
	switch number, _ := answer[0].(int64); {
	case number < 0:
		return state, accesstoken.Lease{}, accesstoken.ErrFresh
	case number == 0:
		return state, accesstoken.Lease{}, accesstoken.ErrLeased
	default:
		return state, accesstoken.Lease{Number: number}, nil
	}
}

// saveScript takes the keys of state and lease, the number of the lease, the state, its
// life in ms, and when its token is due. It returns 0 if a later lease has saved already.
var saveScript = NewIdempotentScript(2, prepare+`
local held = redis.pcall('GET', KEYS[2])
if type(held) == 'string' and string.match(held, '^%d+') == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
if tonumber(ARGV[1]) < number('saved') then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'saved', ARGV[1], 'renew', ARGV[1]..' '..ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// Save implements [accesstoken.Store].
func (r *Tokens) Save(ctx context.Context, lease accesstoken.Lease, state accesstoken.State) error {
	content, err := accesstoken.MarshalState(state)
	if err != nil {
		return fmt.Errorf("save the token: %w", err)
	}
	life := accesstoken.LifeOf(state, r.now())
	reply, err := r.store.Run(ctx, saveScript, r.state, r.lease, lease.Number, content, life.Milliseconds(), max(0, state.Current.Due().UnixMilli()))
	switch {
	case err != nil:
		return fmt.Errorf("save the token: %w", err)
	case reply == int64(0):
		return accesstoken.ErrOutrun
	}
	return nil
}

// releaseScript takes the key of the lease and its number.
var releaseScript = NewIdempotentScript(1, `
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'string' and string.match(held, '^%d+') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
`)

// Release implements [accesstoken.Store].
func (r *Tokens) Release(ctx context.Context, lease accesstoken.Lease) error {
	if _, err := r.store.Run(ctx, releaseScript, r.lease, lease.Number); err != nil {
		return fmt.Errorf("release the token: %w", err)
	}
	return nil
}
