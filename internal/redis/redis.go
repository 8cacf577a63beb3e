// Package redis reaches the store that all instances of the functions share:
// Redis, which both clouds sell managed.
//
// A [Store] is one server, named by REDIS_URL. What the functions keep there is
// changed by scripts, each of which runs as one atomic step on the server
// (Redis documentation, EVAL); who keeps what is the affair of the package that
// does it. Everything waits for a short time only: a store that does not answer
// must not use up the time of an invocation.
package redis

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gomodule/redigo/redis"

	"sotercall/internal/secret"
)

const (
	// timeout bounds a connect, and each exchange with the server.
	timeout = 500 * time.Millisecond
	// doubtAfter is how long a connection may have been idle before it is tried
	// with a PING: the function may have been frozen meanwhile, and the server
	// may have hung up.
	doubtAfter = time.Second
	// idleLife is how long an idle connection is kept.
	idleLife = time.Minute
	maxIdle  = 8
)

// Store is a Redis server. It may be used concurrently. Make it with [Open].
type Store struct{ pool *redis.Pool }

// Open makes the Store of an address such as redis://:password@host:6379/0, or
// rediss:// for TLS. It connects when the Store is used, not before.
func Open(address secret.Text) (*Store, error) {
	u, err := url.Parse(address.Reveal())
	// The parser's error quotes the address, and with it the password.
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" {
		return nil, errors.New("not an address of the form redis://:password@host:6379/0 or rediss://…")
	}
	return &Store{pool: &redis.Pool{
		MaxIdle:     maxIdle,
		IdleTimeout: idleLife,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialURLContext(ctx, address.Reveal(),
				redis.DialConnectTimeout(timeout), redis.DialTLSHandshakeTimeout(timeout),
				redis.DialReadTimeout(timeout), redis.DialWriteTimeout(timeout))
		},
		TestOnBorrowContext: func(ctx context.Context, c redis.Conn, lastUsed time.Time) error {
			// By the clock on the wall: the other one stands still in a frozen function.
			if time.Now().Round(0).Sub(lastUsed.Round(0)) < doubtAfter {
				return nil
			}
			_, err := redis.DoContext(c, ctx, "PING")
			return err
		},
	}}, nil
}

// Close hangs up all connections.
func (s *Store) Close() error { return s.pool.Close() }

// Do runs one command.
func (s *Store) Do(ctx context.Context, command string, args ...any) (any, error) {
	return s.with(ctx, func(c redis.Conn) (any, error) { return redis.DoContext(c, ctx, command, args...) })
}

// Script is a Lua program that the server runs in one atomic step.
type Script struct{ script *redis.Script }

// NewScript makes a Script that takes so many keys, and any number of
// arguments, in KEYS and ARGV.
func NewScript(keys int, program string) *Script {
	return &Script{script: redis.NewScript(keys, program)}
}

// Run runs a Script with its keys first, its arguments after.
func (s *Store) Run(ctx context.Context, script *Script, keysAndArgs ...any) (any, error) {
	return s.with(ctx, func(c redis.Conn) (any, error) { return script.script.DoContext(ctx, c, keysAndArgs...) })
}

func (s *Store) with(ctx context.Context, exchange func(redis.Conn) (any, error)) (reply any, err error) {
	c, err := s.pool.GetContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	defer func() {
		if closeErr := c.Close(); closeErr != nil && err == nil {
			err = fmt.Errorf("redis: %w", closeErr)
		}
	}()
	reply, err = exchange(c)
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return reply, nil
}
