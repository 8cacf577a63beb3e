package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"sotercall/internal/challenge"
)

// Ledger is a [challenge.Ledger] that all instances with the server share: a challenge
// counts once in the whole fleet. The keys:
//
//	sotercall:challenge:<id>      the nonce, until Use.Keep has passed
//	sotercall:failures:<id>       the count of wrong signatures and the nonce of the
//	                              last, until Failure.Keep has passed
//	sotercall:counter:<device>    until 400 days after the device last signed:
//	                              the highest counter and the one before it, in
//	                              20 digits each, and the nonce
//
// A key takes 200 to 300 bytes of the server's memory. Each has a script of its own, so a
// Cluster, or a proxy in front of one, may put them anywhere.
//
// A challenge that the server forgets can be used again: give it maxmemory-policy
// noeviction. (Managed ones often have volatile-lru, which evicts just these keys.) A
// restart without persistence loses challenges, and a failover may lose the last few. Such
// a challenge may count once more within its ttl.
type Ledger struct{ store *Server }

var _ challenge.Ledger = (*Ledger)(nil)

// NewLedger returns a Ledger in a store, which the caller must close.
func NewLedger(store *Server) *Ledger { return &Ledger{store: store} }

const (
	challengeKey = "sotercall:challenge:"
	counterKey   = "sotercall:counter:"
)

// consumeScript takes the nonce and its lifetime, and returns 1 if the challenge was
// consumed with this nonce.
var consumeScript = NewIdempotentScript(1, `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
	return 1
end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
`)

// Consume implements [challenge.Ledger]. The errors are those of the server and the
// network.
func (r *Ledger) Consume(ctx context.Context, u challenge.Use) (first bool, err error) {
	if err := u.Check(); err != nil {
		return false, err
	}
	reply, err := r.store.Run(ctx, consumeScript, challengeKey+u.Challenge, u.Nonce, milliseconds(u.Keep))
	if err != nil {
		return false, fmt.Errorf("consuming a challenge: %w", err)
	}
	switch reply {
	case int64(1):
		return true, nil
	case int64(0):
		return false, nil
	}
	return false, fmt.Errorf("consuming a challenge: the server answered a %T", reply)
}

// raiseScript takes the counter, the nonce and their lifetime, and returns the highest
// counter before, or an empty text. Counters are compared as texts of 20 digits: Lua's
// numbers are doubles, which are inexact from 2^53 on. A value in a foreign format stays
// unchanged.
var raiseScript = NewIdempotentScript(1, `
local stored = redis.call('GET', KEYS[1])
local highest = stored and string.sub(stored, 1, 20) or ''
if stored and not string.find(highest, '^'..string.rep('%d', 20)..'$') then
	return 'not a counter'
end
if stored and string.sub(stored, 41) == ARGV[2] then
	return string.sub(stored, 21, 40)
end
if ARGV[1] > highest then
	redis.call('SET', KEYS[1], ARGV[1]..(stored and highest or string.rep('0', 20))..ARGV[2], 'PX', ARGV[3])
else
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return highest
`)

// Raise implements [challenge.Ledger]. The errors are those of the server and the network,
// and of a value in a foreign format.
func (r *Ledger) Raise(ctx context.Context, reading challenge.Reading) (highest uint64, err error) {
	if err := reading.Check(); err != nil {
		return 0, err
	}
	reply, err := r.store.Run(ctx, raiseScript, counterKey+reading.Device,
		fmt.Sprintf("%020d", reading.Counter), reading.Nonce, milliseconds(challenge.CounterLife))
	if err != nil {
		return 0, fmt.Errorf("raising a counter: %w", err)
	}
	digits, ok := reply.(string)
	if !ok {
		return 0, fmt.Errorf("raising a counter: the server answered a %T", reply)
	}
	if len(digits) == 0 {
		return 0, nil
	}
	highest, err = strconv.ParseUint(digits, 10, 64)
	if err != nil || len(digits) != 20 {
		return 0, errors.New("raising a counter: the stored value is not a counter")
	}
	return highest, nil
}

// milliseconds rounds up, so that nothing is forgotten too early.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
