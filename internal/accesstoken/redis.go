package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"sotercall/internal/redis"
	"sotercall/internal/secret"
)

// keep is how long Redis keeps a State after the end of its token, so that the
// budget of forced refreshes outlives the day that it is for.
const keep = 24 * time.Hour

// Redis is a Store on a Redis server, for all instances that have the same server.
// Make it with [NewRedis].
//
// The access_token stands there in the clear: whoever may read the server may
// call WeChat with it, so it is to be guarded like the AppSecret.
//
// Whatever happens to the data, a Redis gets going again: content that is not ours
// counts as none, and the numbers of Leases follow the time, so that they go on
// growing when the server has lost its data or has been given old data back.
type Redis struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	store *redis.Store
	// state is a hash: state (JSON), saved (number of the Lease that saved it),
	// issued (number of the last Lease given). lease is the number of the Lease in
	// force, for as long as its life. The braces keep both in one place of a Redis
	// Cluster (Redis documentation, "hash tags").
	state, lease string
}

var _ Store = (*Redis)(nil)

// NewRedis makes a Redis that keeps the State of one appid in store.
func NewRedis(store *redis.Store, appid string) *Redis {
	return &Redis{
		store: store,
		state: "sotercall:token:{" + appid + "}",
		lease: "sotercall:token:{" + appid + "}:lease",
	}
}

func (r *Redis) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// loadScript takes the state's key.
var loadScript = redis.NewScript(1, `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  return false
end
return redis.call('HGET', KEYS[1], 'state')
`)

// Load implements [Store].
func (r *Redis) Load(ctx context.Context) (State, error) {
	reply, err := r.store.Run(ctx, loadScript, r.state)
	if err != nil {
		return State{}, fmt.Errorf("load the token: %w", err)
	}
	content, _ := reply.([]byte)
	return unmarshalState(content), nil
}

// prepare begins the scripts that write a state. Beyond 2^52 the next number could
// not be told from the one before: Lua counts in floating point.
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

// leaseScript takes the keys of state and lease, the time, the life of the lease
// and of the state in ms. It returns the number, or 0 if the lease is taken. A
// lease that does not end by itself is not one that we gave.
var leaseScript = redis.NewScript(2, prepare+`
if redis.call('PTTL', KEYS[2]) > 0 then
  return 0
end
local next = math.max(number('issued') + 1, number('saved') + 1, tonumber(ARGV[1]))
local text = string.format('%.0f', next)
redis.call('HSET', KEYS[1], 'issued', text)
if redis.call('PTTL', KEYS[1]) < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('SET', KEYS[2], text, 'PX', ARGV[2])
return next
`)

// Lease implements [Store].
func (r *Redis) Lease(ctx context.Context, life time.Duration) (Lease, error) {
	reply, err := r.store.Run(ctx, leaseScript, r.state, r.lease,
		r.now().UnixMilli(), max(1, life.Milliseconds()), keep.Milliseconds())
	number, isNumber := reply.(int64)
	switch {
	case err != nil:
		return Lease{}, fmt.Errorf("lease the token: %w", err)
	case !isNumber:
		return Lease{}, errors.New("lease the token: the reply is not a number")
	case number == 0:
		return Lease{}, ErrLeased
	}
	return Lease{Number: number}, nil
}

// saveScript takes the keys of state and lease, the number of the lease, the
// state and its life in ms. It returns 0 if a later lease has saved already.
var saveScript = redis.NewScript(2, prepare+`
if redis.pcall('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
if tonumber(ARGV[1]) < number('saved') then
  return 0
end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'saved', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

// Save implements [Store].
func (r *Redis) Save(ctx context.Context, lease Lease, state State) error {
	content, err := marshalState(state)
	if err != nil {
		return fmt.Errorf("save the token: %w", err)
	}
	// A token lives for hours; whatever a clock that is wrong makes of it is bounded.
	life := min(max(0, state.Current.Expires.Sub(r.now())), keep) + keep
	reply, err := r.store.Run(ctx, saveScript, r.state, r.lease, lease.Number, content, life.Milliseconds())
	switch {
	case err != nil:
		return fmt.Errorf("save the token: %w", err)
	case reply == int64(0):
		return ErrOutrun
	}
	return nil
}

// releaseScript takes the key of the lease and its number.
var releaseScript = redis.NewScript(1, `
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
`)

// Release implements [Store].
func (r *Redis) Release(ctx context.Context, lease Lease) error {
	if _, err := r.store.Run(ctx, releaseScript, r.lease, lease.Number); err != nil {
		return fmt.Errorf("release the token: %w", err)
	}
	return nil
}

// stateRecord is a State as JSON. It has types of its own because a secret.Text
// does not show its content to an encoder.
type stateRecord struct {
	Current  tokenRecord `json:"current,omitzero"`
	Previous tokenRecord `json:"previous,omitzero"`
	Forced   []time.Time `json:"forced,omitempty"`
	Spent    time.Time   `json:"spent,omitzero"`
}

type tokenRecord struct {
	AccessToken string    `json:"access_token"`
	Renew       time.Time `json:"renew"`
	Expires     time.Time `json:"expires"`
	Fetched     time.Time `json:"fetched,omitzero"`
	CloudBase   bool      `json:"cloudbase,omitzero"`
}

func marshalState(s State) ([]byte, error) {
	content, err := json.Marshal(stateRecord{Current: record(s.Current), Previous: record(s.Previous), Forced: s.Forced, Spent: s.Spent})
	if err != nil {
		return nil, errors.New("the state has no JSON form") // the encoder's words may quote the token
	}
	return content, nil
}

// unmarshalState reads what marshalState has written; anything else is the zero
// State.
func unmarshalState(content []byte) State {
	var r stateRecord
	if err := json.Unmarshal(content, &r); err != nil {
		return State{}
	}
	return State{Current: r.Current.token(), Previous: r.Previous.token(), Forced: r.Forced, Spent: r.Spent}
}

func record(t Token) tokenRecord {
	return tokenRecord{AccessToken: t.Value.Reveal(), Renew: t.Renew, Expires: t.Expires, Fetched: t.Fetched, CloudBase: t.CloudBase}
}

func (r tokenRecord) token() Token {
	return Token{Value: secret.New(r.AccessToken), Renew: r.Renew, Expires: r.Expires, Fetched: r.Fetched, CloudBase: r.CloudBase}
}
