package challenge

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"sotercall/internal/redis"
)

// Redis is a [Ledger] of all who share a server: a challenge counts once in the
// whole fleet. The keys:
//
//	sotercall:challenge:{ledger}:<id>      until Use.Keep has passed
//	sotercall:counter:{ledger}:<device>    until 400 days after the device last signed
//
// A key takes about 200 bytes of the server's memory. Both are touched by one
// script, and a cluster runs a script only on keys of one slot. A challenge can
// be presented by any device, and a device presents many challenges, so that no
// part of their names could bring the right ones together: {ledger}, a hash tag
// (Redis documentation, Redis cluster specification), keeps all in one slot. One
// server runs more of these scripts than WeChat answers calls.
//
// What the server forgets can be used again: give it maxmemory-policy noeviction
// (managed ones often come with volatile-lru, which takes just these keys). After
// a restart without persistence, or a failover to a replica that had not yet
// heard of the last few, a challenge may count once more within its ttl.
type Redis struct{ store *redis.Store }

var _ Ledger = (*Redis)(nil)

// NewRedis makes a Redis of a store, which remains the caller's to close.
func NewRedis(store *redis.Store) *Redis { return &Redis{store: store} }

const (
	challengeKey = "sotercall:challenge:{ledger}:"
	counterKey   = "sotercall:counter:{ledger}:"
)

// consume answers nil if the challenge was consumed before, else the highest
// counter before, or an empty text. It reads before it writes, so that a read
// which fails has changed nothing. Counters are compared as texts of 20 digits:
// Lua's numbers are doubles, which are inexact from 2^53 on.
var consume = redis.NewScript(2, `
local highest = redis.call('GET', KEYS[2])
if not redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then
	return false
end
local counter = ARGV[2]
if highest and highest > counter then
	counter = highest
end
redis.call('SET', KEYS[2], counter, 'PX', ARGV[3])
return highest or ''
`)

// Consume implements [Ledger]. The errors are those of the server and of the way
// to it.
func (r *Redis) Consume(ctx context.Context, u Use) (Outcome, error) {
	if err := u.check(); err != nil {
		return Outcome{}, err
	}
	reply, err := r.store.Run(ctx, consume, challengeKey+u.Challenge, counterKey+u.Device,
		milliseconds(u.Keep), fmt.Sprintf("%020d", u.Counter), milliseconds(counterLife))
	if err != nil {
		return Outcome{}, fmt.Errorf("consuming a challenge: %w", err)
	}
	if reply == nil {
		return Outcome{}, nil
	}
	highest, ok := reply.([]byte)
	if !ok {
		return Outcome{}, fmt.Errorf("consuming a challenge: the server answered a %T", reply)
	}
	if len(highest) == 0 {
		return Outcome{First: true}, nil
	}
	n, err := strconv.ParseUint(string(highest), 10, 64)
	if err != nil {
		return Outcome{}, fmt.Errorf("consuming a challenge: the stored counter is none: %w", err)
	}
	return Outcome{First: true, Highest: n}, nil
}

// milliseconds rounds up: nothing may be forgotten too early.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
