package redis

import (
	"context"
	"fmt"

	"sotercall/internal/challenge"
)

// failuresKey holds the count of failures, a colon, and the nonce of the last.
const failuresKey = "sotercall:failures:"

// failScript takes the nonce and the time to keep it, and returns the count.
var failScript = NewIdempotentScript(1, `
local stored = redis.call('GET', KEYS[1]) or '0:'
local count, nonce = string.match(stored, '^(%d+):(.*)$')
if not count then
	return 'not a count'
end
if nonce == ARGV[1] then
	return tonumber(count)
end
redis.call('SET', KEYS[1], string.format('%d', count + 1)..':'..ARGV[1], 'PX', ARGV[2])
return count + 1
`)

// failuresScript returns the count.
var failuresScript = NewIdempotentScript(1, `
local count = string.match(redis.call('GET', KEYS[1]) or '0:', '^(%d+):')
return count and tonumber(count) or 'not a count'
`)

// Fail implements [challenge.Ledger]. The errors are as with Raise.
func (r *Ledger) Fail(ctx context.Context, f challenge.Failure) (int, error) {
	if err := f.Check(); err != nil {
		return 0, err
	}
	return failuresIn(r.store.Run(ctx, failScript, failuresKey+f.Challenge, f.Nonce, milliseconds(f.Keep)))
}

// Failures implements [challenge.Ledger]. The errors are as with Raise.
func (r *Ledger) Failures(ctx context.Context, id string) (int, error) {
	return failuresIn(r.store.Run(ctx, failuresScript, failuresKey+id))
}

func failuresIn(reply any, err error) (int, error) {
	if err != nil {
		return 0, fmt.Errorf("counting wrong signatures: %w", err)
	}
	count, ok := reply.(int64)
	if !ok || count < 0 {
		return 0, fmt.Errorf("counting wrong signatures: the stored value is not a count (%T)", reply)
	}
	return int(count), nil
}
